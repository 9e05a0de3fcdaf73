/* MedSeg for C and languages that call C: opens a model, predicts a scan in memory, and returns the mask, the volumes
 * and the uncertainty.
 *
 *     medseg_model *model; medseg_result *result; char *error;
 *     if (medseg_open("spleen_model", NULL, &model, &error)) { puts(error); medseg_free(error); return 1; }
 *     medseg_scan scan = MEDSEG_SCAN_INIT;              // voxels, extents and affine
 *     if (medseg_predict(model, &scan, NULL, &result, &error)) { … }
 *     const uint8_t *mask = medseg_result_map(result, 0);
 *
 * Every function may be called from any thread, but the progress function must not predict with the model that called
 * it. Predictions of one model wait for each other; predictions of several models do not. The library starts no program
 * and sends nothing. Its only state is in the models and results that the caller holds. The library sets the OpenBLAS
 * of the process to one thread, because it has its own threads, and reads MEDSEG_THREADS and MEDSEG_ISA from the
 * environment.
 *
 * A function that can fail returns a status. If `error` is not NULL, the function writes a UTF-8 text to it that states
 * the fault and the remedy; medseg_free() frees the text. `error` becomes NULL if the function succeeds, or if no
 * memory is left for the text.
 */
#ifndef MEDSEG_H
#define MEDSEG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEDSEG_VERSION "0.2.0"

/* The exit codes of the program `medseg`, which are the numbers of sysexits.h. */
typedef enum medseg_status {
    MEDSEG_OK = 0,
    MEDSEG_USAGE = 64,       /* an argument that is not valid */
    MEDSEG_BAD_DATA = 65,    /* a model or a scan that cannot be used */
    MEDSEG_NO_INPUT = 66,    /* a file that does not exist */
    MEDSEG_UNAVAILABLE = 69, /* a device or a library that is missing */
    MEDSEG_FAILED = 70,      /* an internal failure, or a request for more memory than is available */
    MEDSEG_IO = 74,          /* a file that cannot be written */
    MEDSEG_CANCELLED = 130   /* the progress function cancelled the prediction */
} medseg_status;

typedef struct medseg_model medseg_model;
typedef struct medseg_result medseg_result;

/* The device, precision and resources of a model. Initialise with MEDSEG_OPTIONS_INIT. */
typedef struct medseg_options {
    size_t struct_size;    /* sizeof(medseg_options) */
    const char *device;    /* "auto", "cpu", "reference", "opencl:N"; NULL for "auto" */
    const char *precision; /* "fp32", "tf32", "bf16", "fp16"; NULL for "fp32" */
    uint32_t threads;      /* CPU threads; 0 for MEDSEG_THREADS or every core */
    uint64_t memory_limit; /* maximum number of bytes of tensors; 0 for no limit */
} medseg_options;

#define MEDSEG_OPTIONS_INIT                                                                                            \
    { sizeof(medseg_options), NULL, NULL, 0, 0 }

/* A scan in memory, with all channels of a case on one grid. Initialise with MEDSEG_SCAN_INIT.
 *
 * Voxels are in C order, the last axis fastest: voxel (i, j, k) of channel c is
 * voxels[((c * extents[0] + i) * extents[1] + j) * extents[2] + k]. The affine, stored by rows, maps (i, j, k, 1) to
 * millimetres in RAS+, as in NIfTI and NiBabel. */
typedef struct medseg_scan {
    size_t struct_size; /* sizeof(medseg_scan) */
    const float *voxels;
    size_t channels;
    size_t extents[3];
    double affine[16];
    const char *name; /* name in errors and in the report; NULL for "the scan" */
} medseg_scan;

#define MEDSEG_SCAN_INIT                                                                                               \
    { sizeof(medseg_scan), NULL, 1, {0, 0, 0}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, NULL }

/* Called with the number of finished windows and of all windows, on the thread that predicts. Any result but 0 ends
 * the prediction with MEDSEG_CANCELLED. */
typedef int (*medseg_progress)(size_t done, size_t count, void *user);

/* Options of a prediction. Initialise with MEDSEG_REQUEST_INIT. */
typedef struct medseg_request {
    size_t struct_size;       /* sizeof(medseg_request) */
    uint32_t passes;          /* passes of Monte-Carlo dropout, at least 2; 0 for one plain prediction */
    uint64_t seed;            /* seed of the passes' random numbers */
    uint32_t mirrored_axes;   /* bits 0 to 2: axes of the network's input to mirror, in every combination */
    int largest_component;    /* 1 keeps only the largest connected component of each label */
    int fill_holes;           /* 1 fills background that is enclosed by a label */
    double minimum_volume_ml; /* smaller connected components become background; 0 keeps all */
    medseg_progress progress; /* NULL for none */
    void *user;               /* passed to progress */
} medseg_request;

#define MEDSEG_REQUEST_INIT                                                                                            \
    { sizeof(medseg_request), 0, 0, 0, 0, 0, 0.0, NULL, NULL }

/* A foreground class of a mask, or a region. */
typedef struct medseg_label {
    size_t struct_size; /* sizeof(medseg_label) */
    int number;         /* number of the class in the mask (see medseg_result_map), or index of the region's map */
    const char *name;   /* valid until the result is freed */
    uint64_t voxels;
    double volume_ml;
    double mean_intensity; /* of the scan's first channel inside the label; NaN without voxels */
} medseg_label;

#define MEDSEG_LABEL_INIT                                                                                              \
    { sizeof(medseg_label), 0, NULL, 0, 0.0, 0.0 }

/* A statistic of several samples at a voxel. */
typedef enum medseg_quantity {
    MEDSEG_MEAN = 0,               /* mean of the foreground probability */
    MEDSEG_VARIANCE = 1,           /* variance of the foreground probability; the divisor is n - 1 for n samples */
    MEDSEG_ENTROPY = 2,            /* entropy of the mean over all classes, in nats */
    MEDSEG_MUTUAL_INFORMATION = 3, /* that entropy minus the mean entropy of the samples, in nats */
    MEDSEG_VALIDITY = 4            /* 1 where the network was evaluated; elsewhere 0, and the others are undefined */
} medseg_quantity;

/* The version of the loaded library, such as "0.2.0". */
const char *medseg_version(void);

/* Frees a text from the library; NULL is allowed. */
void medseg_free(char *text);

/* The devices of this machine, as `NAME<tab>DESCRIPTION` lines; "auto" selects the first. */
medseg_status medseg_devices(char **devices, char **error);

/* Opens a model folder, a MONAI bundle, or a folder of nnU-Net v2 or its ZIP. No code in it is run. A bundle that
 * leaves its masks on the network's grid is refused, and so is a model whose keep_numbers needs numbers above 255. */
medseg_status medseg_open(const char *path, const medseg_options *options, medseg_model **model, char **error);

/* Closes a model; its results stay valid. NULL is allowed. */
void medseg_close(medseg_model *model);

/* The number of channels that a scan must have. */
size_t medseg_model_channels(const medseg_model *model);

/* The description of the model as JSON: network, channels, classes, windows, and remarks on its weights.
 * medseg_free() frees it. */
medseg_status medseg_model_description(const medseg_model *model, char **json, char **error);

/* Predicts a scan. With a NULL `request` all options are off. Until it is freed, the result keeps the probabilities on
 * the network's grid, with 4 bytes per voxel and class. */
medseg_status medseg_predict(
    medseg_model *model, const medseg_scan *scan, const medseg_request *request, medseg_result **result, char **error);

/* Frees a result and everything that it returned; NULL is allowed. */
void medseg_result_free(medseg_result *result);

/* The grid of all maps, which is the grid of the scan. */
void medseg_result_grid(const medseg_result *result, size_t extents[3], double affine[16]);

/* The number of maps of the mask: 1, or one per region if regions may overlap. */
size_t medseg_result_map_count(const medseg_result *result);

/* The class of each voxel, or 1 inside a region, in the order of the scan's voxels; NULL beyond the last map. If the
 * model has keep_numbers, the numbers of its label maps stand in place of classes, here and for every number. */
const uint8_t *medseg_result_map(const medseg_result *result, size_t index);

/* The number of foreground classes, or of regions. */
size_t medseg_result_label_count(const medseg_result *result);

/* Writes the label of an index from 0; initialise `label` with MEDSEG_LABEL_INIT. */
medseg_status medseg_result_label(const medseg_result *result, size_t index, medseg_label *label, char **error);

/* The probability of a class by its number, or of a region by its map, at every voxel of the scan. `values` must have a
 * float per voxel. */
medseg_status medseg_result_probability(const medseg_result *result, int number, float *values, char **error);

/* An uncertainty map of the scan. `values` must have a float per voxel. The prediction must have been requested with
 * passes or mirrored axes. */
medseg_status medseg_result_uncertainty(
    const medseg_result *result, medseg_quantity quantity, float *values, char **error);

/* The report of `medseg predict --report`: volumes, intensities, warnings. Valid until the result is freed. */
const char *medseg_result_report(const medseg_result *result);

#ifdef __cplusplus
}
#endif

#endif
