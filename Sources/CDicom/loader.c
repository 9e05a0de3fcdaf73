// Opens libMedSegDICOM at the first call: the file of MEDSEG_DICOM_LIBRARY; otherwise the file beside the program,
// where `swift build` and the container put it; otherwise the system's library of that name.

#include "CDicom.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __APPLE__
#define LIBRARY "libMedSegDICOM.dylib"
#else
#define LIBRARY "libMedSegDICOM.so"
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const dicom_library *library;
static char fault[768];

// The path of the library in the program's folder; 0 if it does not exist.
static int beside_program(char *path, size_t size) {
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash - path) + sizeof LIBRARY + 1 > size) return 0;
    memcpy(slash + 1, LIBRARY, sizeof LIBRARY);
    return access(path, R_OK) == 0;
}

static void open_library(void) {
    char path[4096];
    const char *own = getenv("MEDSEG_DICOM_LIBRARY");
    const char *file = own && *own ? own : beside_program(path, sizeof path) ? path : LIBRARY;
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *error = dlerror();
        snprintf(fault, sizeof fault, "%s", error ? error : "unknown");
        return;
    }
    const dicom_library *(*table)(void) = (const dicom_library *(*)(void))dlsym(handle, "medseg_dicom_library");
    const dicom_library *found = table ? table() : NULL;
    if (!found || found->version != DICOM_LIBRARY_VERSION) {
        snprintf(fault, sizeof fault, "%s is of another version of MedSeg", file);
        return;
    }
    library = found;
}

const dicom_library *dicom_library_open(const char **reason) {
    pthread_once(&once, open_library);
    *reason = library ? NULL : fault;
    return library;
}
