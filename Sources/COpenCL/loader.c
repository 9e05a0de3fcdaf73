// Opens the OpenCL ICD loader at the first call and forwards calls to it. MEDSEG_OPENCL_LIBRARY is the path of another
// library to open instead.

#include "COpenCL.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

// CL_PLATFORM_NOT_FOUND_KHR of cl_ext.h: the status that an ICD loader returns if there is no driver.
#define NOT_FOUND (-1001)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *library;
static char reason[512];

static void open_library(void) {
    const char *own = getenv("MEDSEG_OPENCL_LIBRARY");
#ifdef __APPLE__
    const char *usual = "/System/Library/Frameworks/OpenCL.framework/OpenCL";
#else
    const char *usual = "libOpenCL.so.1";
#endif
    library = dlopen(own && *own ? own : usual, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *error = dlerror();
        snprintf(reason, sizeof reason, "%s", error ? error : "unknown");
    }
}

const char *opencl_missing(void) {
    pthread_once(&once, open_library);
    return library ? NULL : reason;
}

static void *find(const char *name) { return opencl_missing() ? NULL : dlsym(library, name); }

// A function that returns a status.
#define STATUS(name, parameters, arguments)                                                                            \
    cl_int name parameters {                                                                                           \
        typedef cl_int(CL_API_CALL *function_t) parameters;                                                            \
        const function_t function = (function_t)find(#name);                                                           \
        return function ? function arguments : NOT_FOUND;                                                              \
    }

// A function that returns a handle and writes a status.
#define HANDLE(type, name, parameters, arguments)                                                                      \
    type name parameters {                                                                                             \
        typedef type(CL_API_CALL *function_t) parameters;                                                              \
        const function_t function = (function_t)find(#name);                                                           \
        if (function) return function arguments;                                                                       \
        if (status) *status = NOT_FOUND;                                                                               \
        return NULL;                                                                                                   \
    }

STATUS(clGetPlatformIDs, (cl_uint count, cl_platform_id *ids, cl_uint *found), (count, ids, found))
STATUS(
    clGetDeviceIDs, (cl_platform_id platform, cl_device_type type, cl_uint count, cl_device_id *ids, cl_uint *found),
    (platform, type, count, ids, found))
STATUS(
    clGetDeviceInfo, (cl_device_id device, cl_device_info field, size_t size, void *value, size_t *needed),
    (device, field, size, value, needed))

HANDLE(
    cl_context, clCreateContext,
    (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
     void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data, cl_int *status),
    (properties, count, devices, notify, data, status))
STATUS(clReleaseContext, (cl_context context), (context))
HANDLE(
    cl_command_queue, clCreateCommandQueue,
    (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int *status),
    (context, device, properties, status))
STATUS(clReleaseCommandQueue, (cl_command_queue queue), (queue))
STATUS(clFlush, (cl_command_queue queue), (queue))
STATUS(clFinish, (cl_command_queue queue), (queue))

HANDLE(
    cl_mem, clCreateBuffer, (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *status),
    (context, flags, size, host, status))
STATUS(clReleaseMemObject, (cl_mem memory), (memory))
STATUS(
    clEnqueueReadBuffer,
    (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, void *host, cl_uint count,
     const cl_event *after, cl_event *event),
    (queue, buffer, blocking, offset, size, host, count, after, event))
STATUS(
    clEnqueueWriteBuffer,
    (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, const void *host,
     cl_uint count, const cl_event *after, cl_event *event),
    (queue, buffer, blocking, offset, size, host, count, after, event))
STATUS(
    clEnqueueFillBuffer,
    (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size, size_t offset, size_t size,
     cl_uint count, const cl_event *after, cl_event *event),
    (queue, buffer, pattern, pattern_size, offset, size, count, after, event))
HANDLE(
    void *, clEnqueueMapBuffer,
    (cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags, size_t offset, size_t size,
     cl_uint count, const cl_event *after, cl_event *event, cl_int *status),
    (queue, buffer, blocking, flags, offset, size, count, after, event, status))
STATUS(
    clEnqueueUnmapMemObject,
    (cl_command_queue queue, cl_mem memory, void *mapped, cl_uint count, const cl_event *after, cl_event *event),
    (queue, memory, mapped, count, after, event))

HANDLE(
    cl_program, clCreateProgramWithSource,
    (cl_context context, cl_uint count, const char **texts, const size_t *lengths, cl_int *status),
    (context, count, texts, lengths, status))
HANDLE(
    cl_program, clCreateProgramWithBinary,
    (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths,
     const unsigned char **binaries, cl_int *binary_status, cl_int *status),
    (context, count, devices, lengths, binaries, binary_status, status))
STATUS(
    clBuildProgram,
    (cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
     void(CL_CALLBACK *notify)(cl_program, void *), void *data),
    (program, count, devices, options, notify, data))
STATUS(
    clGetProgramInfo, (cl_program program, cl_program_info field, size_t size, void *value, size_t *needed),
    (program, field, size, value, needed))
STATUS(
    clGetProgramBuildInfo,
    (cl_program program, cl_device_id device, cl_program_build_info field, size_t size, void *value, size_t *needed),
    (program, device, field, size, value, needed))
STATUS(clReleaseProgram, (cl_program program), (program))

HANDLE(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *status), (program, name, status))
STATUS(clReleaseKernel, (cl_kernel kernel), (kernel))
STATUS(clSetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value), (kernel, index, size, value))
STATUS(
    clEnqueueNDRangeKernel,
    (cl_command_queue queue, cl_kernel kernel, cl_uint axes, const size_t *offset, const size_t *global,
     const size_t *local, cl_uint count, const cl_event *after, cl_event *event),
    (queue, kernel, axes, offset, global, local, count, after, event))

STATUS(clWaitForEvents, (cl_uint count, const cl_event *events), (count, events))
STATUS(clRetainEvent, (cl_event event), (event))
STATUS(clReleaseEvent, (cl_event event), (event))
STATUS(
    clGetEventInfo, (cl_event event, cl_event_info field, size_t size, void *value, size_t *needed),
    (event, field, size, value, needed))
STATUS(
    clGetEventProfilingInfo, (cl_event event, cl_profiling_info field, size_t size, void *value, size_t *needed),
    (event, field, size, value, needed))
STATUS(
    clSetEventCallback, (cl_event event, cl_int state, void(CL_CALLBACK *notify)(cl_event, cl_int, void *), void *data),
    (event, state, notify, data))
