// Registers the pair styles of ML-PACE with a LAMMPS that was built without them; see lammps_pace.sh.
#include "lammpsplugin.h"
#include "pair_pace.h"
#include "pair_pace_extrapolation.h"

using namespace LAMMPS_NS;

template <class Style> static void *make(void *lmp) { return new Style((LAMMPS *) lmp); }

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *add)
{
  lammpsplugin_t plugin = {};
  plugin.version = LAMMPS_OF_PLUGIN;
  plugin.style = "pair";
  plugin.info = "atomic cluster expansion";
  plugin.author = "its authors: see package ML-PACE of LAMMPS";
  plugin.handle = handle;
  plugin.name = "pace";
  plugin.creator.v1 = &make<PairPACE>;
  ((lammpsplugin_regfunc) add)(&plugin, lmp);
  plugin.name = "pace/extrapolation";
  plugin.creator.v1 = &make<PairPACEExtrapolation>;
  ((lammpsplugin_regfunc) add)(&plugin, lmp);
}
