"""How GPAW is built (GPAW_CONFIG): serial, because a campaign farms out whole structures, one process per core."""

compiler = "g++"
mpi = False
scalapack = False
fftw = True
libraries = ["xc", "openblas", "fftw3"]
