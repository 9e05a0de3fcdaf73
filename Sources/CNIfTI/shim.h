// nifti2_io.h includes <znzlib.h>, which only an extra search path would find beside it, and a system module cannot add
// one. Header structs and the stream layer come from headers that do include cleanly; the functions used from
// libnifti itself are declared here as nifti2_io.h declares them.
#include <nifti/nifti1.h>
#include <nifti/nifti2.h>
#include <nifti/znzlib.h>
#include <zlib.h>

typedef struct {
    double m[4][4];
} nifti_dmat44;

void nifti_set_debug_level(int level);
void nifti_swap_Nbytes(int64_t n, int siz, void *ar);
void nifti_swap_as_nifti1(nifti_1_header *h);
void nifti_swap_as_nifti2(nifti_2_header *h);
void nifti_dmat44_to_quatern(
    nifti_dmat44 R, double *qb, double *qc, double *qd, double *qx, double *qy, double *qz, double *dx, double *dy,
    double *dz, double *qfac);
