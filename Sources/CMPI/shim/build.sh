#!/usr/bin/env bash
# Compiles mpi.c for MPI libraries: build.sh FOLDER [MPICC…], by default for Debian's Open MPI and MPICH, else for mpicc.
# The library's name has the MPI of the compiler's mpi.h: openmpi, or mpich for MPICH and compatible libraries.
set -euo pipefail
source=$(dirname "$0")/mpi.c
folder=$1
shift
compilers=("$@")
[ ${#compilers[@]} -gt 0 ] || for name in mpicc.openmpi mpicc.mpich; do
    command -v "$name" >/dev/null && compilers+=("$name")
done
[ ${#compilers[@]} -gt 0 ] || compilers=(mpicc)
mkdir -p "$folder"
for compiler in "${compilers[@]}"; do
    command -v "$compiler" >/dev/null || {
        echo "mpi: there is no $compiler; install libopenmpi-dev or libmpich-dev, or run make mpi MPICC=…" >&2
        exit 69
    }
    flavour=mpich
    printf '#include <mpi.h>\nopen_mpi=OPEN_MPI\n' | "$compiler" -E -x c - | grep -q '^open_mpi=1' && flavour=openmpi
    library=$folder/libMedSegMPI-$flavour.so
    "$compiler" -std=c11 -O2 -fPIC -shared -Wall -Wextra -Werror -o "$library.part" "$source"
    mv "$library.part" "$library"
    echo "$library: compiled by $compiler"
done
