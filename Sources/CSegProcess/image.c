#define _GNU_SOURCE
#include <dlfcn.h>

#include "CSegProcess.h"

const char *segprocess_image_file(void) {
    Dl_info image;
    return dladdr((void *)segprocess_image_file, &image) ? image.dli_fname : 0;
}
