// OpenCL 1.2 as its own header declares it. The functions that MedSeg calls are defined in loader.c: they look for the
// ICD loader at the first call, so that a program starts and computes on the CPU where there is none.
#pragma once

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif

#include <CL/cl_platform.h>

// The definitions are this program's own: a driver that looks up the same names must find the ICD loader's. What
// the header itself includes stays as it is.
#pragma GCC visibility push(hidden)
#include <CL/cl.h>

// Why the ICD loader could not be opened, in the system's words; NULL where it is open.
const char *opencl_missing(void);

// The file that holds this code: the program, or a library that a program has opened. NULL where nothing is known.
const char *opencl_image_file(void);
#pragma GCC visibility pop
