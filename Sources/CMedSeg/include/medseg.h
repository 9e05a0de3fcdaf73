/* MedSeg for C and what calls C: opens a model, predicts a scan that lies in memory, and gives the mask, the volumes
 * and the uncertainty back.
 *
 *     medseg_model *model; medseg_result *result; char *error;
 *     if (medseg_open("spleen_model", NULL, &model, &error)) { puts(error); medseg_free(error); return 1; }
 *     medseg_scan scan = MEDSEG_SCAN_INIT;              // voxels, extents and affine
 *     if (medseg_predict(model, &scan, NULL, &result, &error)) { … }
 *     const uint8_t *mask = medseg_result_map(result, 0);
 *
 * Every function may be called from any thread, but the progress function may not predict with the model that called
 * it. Predictions of one model wait for each other; those of several models do not. No program is started and nothing
 * is sent. The library holds no state of its own beside what you open, but it sets the OpenBLAS of the process to one
 * thread, since it has threads of its own, and reads MEDSEG_THREADS and MEDSEG_ISA of the environment.
 *
 * A function that can fail returns a status, and through `error`, where that is not NULL, a text in UTF-8 that names
 * what is wrong and what to do; medseg_free() frees it. What is not an error leaves `error` NULL, and so does a failure
 * for whose text no memory is left.
 */
#ifndef MEDSEG_H
#define MEDSEG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEDSEG_VERSION "0.2.0"

/* The numbers of sysexits.h, which the program `medseg` ends with. */
typedef enum medseg_status {
    MEDSEG_OK = 0,
    MEDSEG_USAGE = 64,       /* an argument that makes no sense */
    MEDSEG_BAD_DATA = 65,    /* a model or a scan that cannot be used */
    MEDSEG_NO_INPUT = 66,    /* a file that is not there */
    MEDSEG_UNAVAILABLE = 69, /* a device or a library that is not there */
    MEDSEG_FAILED = 70,      /* a failure inside, or more memory asked for than there is */
    MEDSEG_IO = 74,          /* a file that cannot be written */
    MEDSEG_CANCELLED = 130   /* the progress function asked for it */
} medseg_status;

typedef struct medseg_model medseg_model;
typedef struct medseg_result medseg_result;

/* How a model computes. Begin with MEDSEG_OPTIONS_INIT. */
typedef struct medseg_options {
    size_t struct_size;    /* sizeof(medseg_options) */
    const char *device;    /* "auto", "cpu", "reference", "opencl:N"; NULL for "auto" */
    const char *precision; /* "fp32", "tf32", "bf16", "fp16"; NULL for "fp32" */
    uint32_t threads;      /* of the CPU; 0 for MEDSEG_THREADS or every core */
    uint64_t memory_limit; /* bytes that tensors may take; 0 for no limit */
} medseg_options;

#define MEDSEG_OPTIONS_INIT                                                                                            \
    { sizeof(medseg_options), NULL, NULL, 0, 0 }

/* A scan in memory, with all channels of a case on one grid. Begin with MEDSEG_SCAN_INIT.
 *
 * Voxels are in C order, the last axis fastest: voxel (i, j, k) of channel c is
 * voxels[((c * extents[0] + i) * extents[1] + j) * extents[2] + k]. The affine, by rows, takes (i, j, k, 1) to
 * millimetres in RAS+, as NIfTI and NiBabel have it. */
typedef struct medseg_scan {
    size_t struct_size; /* sizeof(medseg_scan) */
    const float *voxels;
    size_t channels;
    size_t extents[3];
    double affine[16];
    const char *name; /* what errors and the report call it; NULL for "the scan" */
} medseg_scan;

#define MEDSEG_SCAN_INIT                                                                                               \
    { sizeof(medseg_scan), NULL, 1, {0, 0, 0}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, NULL }

/* Called with the windows that are done and their number, from the thread that predicts. Anything but 0 ends the
 * prediction with MEDSEG_CANCELLED. */
typedef int (*medseg_progress)(size_t done, size_t count, void *user);

/* What is asked for beside the mask. Begin with MEDSEG_REQUEST_INIT. */
typedef struct medseg_request {
    size_t struct_size;       /* sizeof(medseg_request) */
    uint32_t passes;          /* of Monte-Carlo dropout, at least 2; 0 for one plain prediction */
    uint64_t seed;            /* of the passes' random numbers */
    uint32_t mirrored_axes;   /* bits 0 to 2: axes of the network's volume that are mirrored in every combination */
    int largest_component;    /* 1 keeps only the largest piece of each label */
    int fill_holes;           /* 1 fills background that a label encloses */
    double minimum_volume_ml; /* smaller pieces of a label become background; 0 for none */
    medseg_progress progress; /* NULL for none */
    void *user;               /* handed to progress */
} medseg_request;

#define MEDSEG_REQUEST_INIT                                                                                            \
    { sizeof(medseg_request), 0, 0, 0, 0, 0, 0.0, NULL, NULL }

/* A foreground class of a mask, or a region. */
typedef struct medseg_label {
    size_t struct_size; /* sizeof(medseg_label) */
    int number;         /* the class's number in the mask; of a region its map */
    const char *name;   /* valid as long as the result */
    uint64_t voxels;
    double volume_ml;
    double mean_intensity; /* of the scan's first channel inside; NaN where there is no voxel */
} medseg_label;

#define MEDSEG_LABEL_INIT                                                                                              \
    { sizeof(medseg_label), 0, NULL, 0, 0.0, 0.0 }

/* What is known of a voxel after several samples. */
typedef enum medseg_quantity {
    MEDSEG_MEAN = 0,               /* mean of the foreground probability */
    MEDSEG_VARIANCE = 1,           /* its variance, by n - 1 */
    MEDSEG_ENTROPY = 2,            /* entropy of the mean over all classes, in nats */
    MEDSEG_MUTUAL_INFORMATION = 3, /* that entropy less the mean of the entropies, in nats */
    MEDSEG_VALIDITY = 4            /* 1 where the network looked, else 0: the others mean nothing there */
} medseg_quantity;

/* The version of the library that is loaded, such as "0.2.0". */
const char *medseg_version(void);

/* Frees a text that the library made; NULL is fine. */
void medseg_free(char *text);

/* The devices of this machine, as `NAME<tab>DESCRIPTION` lines; the first is what "auto" takes. */
medseg_status medseg_devices(char **devices, char **error);

/* Opens a model folder, a MONAI bundle, or a folder of nnU-Net v2 or its ZIP. Nothing in it is run. A bundle that
 * leaves its masks on the network's grid is refused. */
medseg_status medseg_open(const char *path, const medseg_options *options, medseg_model **model, char **error);

/* Closes a model; its results stay. NULL is fine. */
void medseg_close(medseg_model *model);

/* Channels that a scan has to have. */
size_t medseg_model_channels(const medseg_model *model);

/* What the model is, as JSON: network, channels, classes, windows, and what a person should know of its weights.
 * medseg_free() frees it. */
medseg_status medseg_model_description(const medseg_model *model, char **json, char **error);

/* Predicts a scan. `request` may be NULL for the mask alone. The result keeps the probabilities on the network's grid,
 * 4 bytes a voxel and class, until it is freed. */
medseg_status medseg_predict(
    medseg_model *model, const medseg_scan *scan, const medseg_request *request, medseg_result **result, char **error);

/* Frees a result and all that it gave; NULL is fine. */
void medseg_result_free(medseg_result *result);

/* The grid of all maps, which is the scan's. */
void medseg_result_grid(const medseg_result *result, size_t extents[3], double affine[16]);

/* How many maps the mask has: 1, or one for each region that may overlap others. */
size_t medseg_result_map_count(const medseg_result *result);

/* The class of each voxel, or 1 inside a region, in the order of the scan's voxels; NULL beyond the last map. */
const uint8_t *medseg_result_map(const medseg_result *result, size_t index);

/* Foreground classes, or regions. */
size_t medseg_result_label_count(const medseg_result *result);

/* One of them, from 0; `label` begins as MEDSEG_LABEL_INIT. */
medseg_status medseg_result_label(const medseg_result *result, size_t index, medseg_label *label, char **error);

/* The probability of a class, or of a region by its map, at every voxel of the scan. `values` has room for them. */
medseg_status medseg_result_probability(const medseg_result *result, int number, float *values, char **error);

/* A map of uncertainty over the scan. `values` has room for its voxels. A request for passes or mirrors comes first. */
medseg_status medseg_result_uncertainty(
    const medseg_result *result, medseg_quantity quantity, float *values, char **error);

/* The report of `medseg predict --report`: volumes, intensities, warnings. Valid as long as the result. */
const char *medseg_result_report(const medseg_result *result);

#ifdef __cplusplus
}
#endif

#endif
