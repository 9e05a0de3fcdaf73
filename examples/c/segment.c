// Segments a scan with libmedseg, and reads and writes NIfTI with libnifti: the mask of `medseg predict`.
//
//     cc segment.c -I$PREFIX/include -I/usr/include/nifti -L$PREFIX/lib -lmedseg -lniftiio -lznz -lz -lm -o segment
//     LD_LIBRARY_PATH=$PREFIX/lib ./segment spleen_model ct.nii.gz mask.nii.gz [cpu]
//
// PREFIX is the folder of `make libmedseg`, .build/libmedseg in MedSeg's repository.
#include <math.h>
#include <medseg.h>
#include <nifti1_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int progress(size_t done, size_t count, void *user) {
    (void)user;
    fprintf(stderr, "\rwindow %zu of %zu", done, count);
    return 0;
}

// The voxel (i, j, k) of a NIfTI file lies at i + ni * (j + nj * k); MedSeg wants k fastest.
static float *voxels_of(const nifti_image *image) {
    size_t ni = image->nx, nj = image->ny, nk = image->nz;
    float *voxels = malloc(ni * nj * nk * sizeof *voxels);
    double slope = image->scl_slope != 0 ? image->scl_slope : 1, shift = image->scl_slope != 0 ? image->scl_inter : 0;
    for (size_t i = 0; voxels && i < ni; i++)
        for (size_t j = 0; j < nj; j++)
            for (size_t k = 0; k < nk; k++) {
                size_t from = i + ni * (j + nj * k);
                double value = image->datatype == DT_INT16 ? ((int16_t *)image->data)[from]
                    : image->datatype == DT_FLOAT32        ? ((float *)image->data)[from]
                                                           : NAN;
                voxels[(i * nj + j) * nk + k] = (float)(value * slope + shift);
            }
    return voxels;
}

static int write_mask(nifti_image *image, const uint8_t *mask, const char *path) {
    size_t ni = image->nx, nj = image->ny, nk = image->nz;
    uint8_t *stored = malloc(ni * nj * nk);
    if (!stored) return 1;
    for (size_t i = 0; i < ni; i++)
        for (size_t j = 0; j < nj; j++)
            for (size_t k = 0; k < nk; k++) stored[i + ni * (j + nj * k)] = mask[(i * nj + j) * nk + k];
    free(image->data);
    image->data = stored;
    image->datatype = DT_UINT8;
    image->nbyper = 1;
    image->scl_slope = image->scl_inter = 0;
    if (nifti_set_filenames(image, path, 0, 1)) return 1;
    nifti_image_write(image);
    // The library does not say whether it could write.
    nifti_image *written = nifti_image_read(path, 1);
    int same = written && written->data && !memcmp(written->data, stored, ni * nj * nk);
    nifti_image_free(written);
    return !same;
}

int main(int count, char **arguments) {
    if (count < 4) {
        fprintf(stderr, "usage: segment MODEL SCAN.nii.gz MASK.nii.gz [DEVICE]\n");
        return 64;
    }
    medseg_model *model = NULL;
    medseg_result *result = NULL;
    char *error = NULL;
    medseg_options options = MEDSEG_OPTIONS_INIT;
    if (count > 4) options.device = arguments[4];
    int status = medseg_open(arguments[1], &options, &model, &error);
    if (status) goto failed;

    nifti_image *image = nifti_image_read(arguments[2], 1);
    if (!image || (image->datatype != DT_INT16 && image->datatype != DT_FLOAT32) || image->ndim != 3
        || image->xyz_units == NIFTI_UNITS_METER || image->xyz_units == NIFTI_UNITS_MICRON) {
        fprintf(
            stderr, "%s: should be a NIfTI file of one volume, in int16 or float32 and millimetres\n", arguments[2]);
        medseg_close(model);
        return 65;
    }
    medseg_scan scan = MEDSEG_SCAN_INIT;
    float *voxels = voxels_of(image);
    scan.voxels = voxels;
    scan.extents[0] = image->nx, scan.extents[1] = image->ny, scan.extents[2] = image->nz;
    mat44 affine = image->sform_code > 0 ? image->sto_xyz : image->qto_xyz;
    for (int i = 0; i < 16; i++) scan.affine[i] = affine.m[i / 4][i % 4];
    scan.name = arguments[2];

    medseg_request request = MEDSEG_REQUEST_INIT;
    request.progress = progress;
    status = medseg_predict(model, &scan, &request, &result, &error);
    fprintf(stderr, "\n");
    free(voxels);
    if (status) goto failed;

    for (size_t i = 0; i < medseg_result_label_count(result); i++) {
        medseg_label label = MEDSEG_LABEL_INIT;
        if (medseg_result_label(result, i, &label, NULL) == MEDSEG_OK)
            printf("%s: %.1f ml, mean %.1f\n", label.name, label.volume_ml, label.mean_intensity);
    }
    if (medseg_result_map_count(result) != 1) {
        fprintf(stderr, "%s: the model makes regions that may overlap; this example writes one map\n", arguments[1]);
        status = MEDSEG_BAD_DATA;
    } else if (write_mask(image, medseg_result_map(result, 0), arguments[3])) {
        fprintf(stderr, "%s: cannot be written\n", arguments[3]);
        status = MEDSEG_IO;
    }
    nifti_image_free(image);
    medseg_result_free(result);
    medseg_close(model);
    return status;

failed:
    fprintf(stderr, "segment: %s\n", error);
    medseg_free(error);
    medseg_close(model);
    return status;
}
