#define _GNU_SOURCE
#include <dlfcn.h>

#include "COpenCL.h"

const char *opencl_image_file(void) {
    Dl_info image;
    return dladdr((void *)opencl_image_file, &image) ? image.dli_fname : 0;
}
