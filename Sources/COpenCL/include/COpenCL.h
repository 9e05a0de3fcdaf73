// OpenCL 1.2 as declared by its own header. The functions that MedSeg calls are defined in loader.c. They open the ICD
// loader at the first call, so a program also starts, and computes on the CPU, if the ICD loader is missing.
#pragma once

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif

#include <CL/cl_platform.h>

// The definitions are hidden, because a driver that looks up the same names must find the ICD loader's functions. The
// files that the header includes are not affected.
#pragma GCC visibility push(hidden)
#include <CL/cl.h>

// The system's error message if the ICD loader could not be opened; NULL if it is open.
const char *opencl_missing(void);

// The file that contains this code: the program, or a library that a program has opened. NULL if it is not known.
const char *opencl_image_file(void);
#pragma GCC visibility pop
