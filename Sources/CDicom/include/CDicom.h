// What Swift sees of DCMTK and OpenJPEG: a DICOM file is opened, asked for values, and decoded one frame at a time; or
// it is made, given values, and saved.
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
// An item of a sequence, which lives as long as its file.
typedef struct dicom_item dicom_item;

// Where a value is looked for: the frame of that number (from 0) in the per-frame functional groups, or one of these.
#define DICOM_SHARED (-1)  // the shared functional groups
#define DICOM_DATASET (-2) // the data set
#define DICOM_META (-3)    // the meta header

// Goes up with every change of the table below.
#define DICOM_LIBRARY_VERSION 3

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
    // The items of a sequence of an item, or of the data set where `item` is NULL: at most `capacity` are put into
    // `items`. Returns how many there are.
    long (*items)(const dicom_file *file, dicom_item *item, uint32_t sequence, dicom_item **items, long capacity);
    // The value of an item, as `text` gives it.
    long (*item_text)(const dicom_file *file, dicom_item *item, uint32_t tag, char *buffer, size_t size);
    // The stored values of a frame, decompressed, the bits beside BitsStored taken off and the sign extended as the
    // data set says, whatever a JPEG 2000 stream says of its sign. `count` must be Rows × Columns. Returns 0, or -1 and
    // a message.
    int (*decode)(dicom_file *file, uint32_t frame, int32_t *values, size_t count, char *message, size_t size);

    // Writing. An item that is NULL stands for the data set; functions that return a number return 0, or -1 where they
    // fail.

    // An empty file; NULL and a message where DCMTK lacks its dictionary or memory.
    dicom_file *(*create)(char *message, size_t size);
    // Puts an item behind the others of a sequence, which is made where it is missing. NULL where that fails.
    dicom_item *(*add_item)(dicom_file *file, dicom_item *item, uint32_t sequence);
    // Sets a value, several separated by backslashes, a tag as (gggg,eeee).
    int (*put)(dicom_file *file, dicom_item *item, uint32_t tag, const char *text);
    // Sets a value of bytes of the data set.
    int (*put_bytes)(dicom_file *file, uint32_t tag, const uint8_t *bytes, size_t count);
    // Copies an element of the data set of another file as it is, its character set untouched. 1 where there is none.
    int (*copy)(dicom_file *file, const dicom_file *from, uint32_t tag);
    // Writes the file in little endian, with explicit value representations unless `is_implicit`.
    int (*save)(dicom_file *file, const char *path, int is_implicit, char *message, size_t size);
} dicom_library;

// The library; NULL and the reason where it cannot be opened. MEDSEG_DICOM_LIBRARY names another file.
const dicom_library *dicom_library_open(const char **reason);

// The one function that libMedSegDICOM exports.
const dicom_library *medseg_dicom_library(void);

#ifdef __cplusplus
}
#endif
#endif
