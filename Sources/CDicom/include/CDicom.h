// What Swift sees of DCMTK and OpenJPEG: a DICOM file is opened, asked for values, and decoded one frame at a time.
//
// The functions lie in a library of their own, libMedSegDICOM, which alone is linked with DCMTK. It is opened when
// DICOM first comes, so that the programs start on a machine without DCMTK and then say what is missing.
#ifndef CDICOM_H
#define CDICOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dicom_file dicom_file;

// Where a value is looked for: the frame of that number (from 0) in the per-frame functional groups, or one of these.
#define DICOM_SHARED (-1)  // the shared functional groups
#define DICOM_DATASET (-2) // the data set
#define DICOM_META (-3)    // the meta header

// Goes up with every change of the table below.
#define DICOM_LIBRARY_VERSION 1

// The functions of libMedSegDICOM. None throws, and none prints. Those that take a message write a sentence without a
// value of a patient into it. A file belongs to one thread at a time.
typedef struct {
    int version;
    // Reads all but large values, with a meta header or without. NULL and a message where nothing can be made of it. A
    // file that is damaged further on is opened too, for what stands before: `damage` tells.
    dicom_file *(*open)(const char *path, char *message, size_t size);
    void (*close)(dicom_file *file);
    // Why the file cannot be trusted; NULL where it is whole.
    const char *(*damage)(const dicom_file *file);
    // The value at a path of tags, 0xGGGGEEEE each: all but the last are sequences, of which the first item is taken.
    // UTF-8 with a zero behind, cut to `size`; numbers of several are separated by backslashes. Values of bytes and
    // sequences are empty. Returns the length of the whole value, or -1 where there is none.
    long (*text)(const dicom_file *file, long place, const uint32_t *tags, int count, char *buffer, size_t size);
    // Items of the per-frame functional groups.
    long (*frame_items)(const dicom_file *file);
    // The stored values of a frame, decompressed, the bits beside BitsStored taken off and the sign extended as the
    // data set says, whatever a JPEG 2000 stream says of its sign. `count` must be Rows × Columns. Returns 0, or -1 and
    // a message.
    int (*decode)(dicom_file *file, uint32_t frame, int32_t *values, size_t count, char *message, size_t size);
} dicom_library;

// The library; NULL and the reason where it cannot be opened. MEDSEG_DICOM_LIBRARY names another file.
const dicom_library *dicom_library_open(const char **reason);

// The one function that libMedSegDICOM exports.
const dicom_library *medseg_dicom_library(void);

#ifdef __cplusplus
}
#endif
#endif
