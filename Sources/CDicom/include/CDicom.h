// The interface of DCMTK and OpenJPEG for Swift: opens a DICOM file, reads its values and decodes its frames one at a
// time; or creates a file, sets its values and saves it.
//
// The functions are in a separate library, libMedSegDICOM; only that library is linked with DCMTK. It is opened on
// first use of DICOM, therefore the programs start on a machine without DCMTK and can report that it is missing.
#ifndef CDICOM_H
#define CDICOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dicom_file dicom_file;
// An item of a sequence; it is valid as long as its file.
typedef struct dicom_item dicom_item;

// The part of the file to read: a frame number (from 0) means the per-frame functional groups; or one of these.
#define DICOM_SHARED (-1)  // the shared functional groups
#define DICOM_DATASET (-2) // the data set
#define DICOM_META (-3)    // the meta header

// Incremented with every change of the table below.
#define DICOM_LIBRARY_VERSION 3

// The functions of libMedSegDICOM. None throws, and none prints. Functions with a `message` parameter write a sentence
// into it, without values that identify a patient. Only one thread at a time may use a file.
typedef struct {
    int version;
    // Reads all but large values of a file with or without a meta header. Returns NULL and a message if the file cannot
    // be read. A file that is damaged further on is opened for the part before the damage: see `damage`.
    dicom_file *(*open)(const char *path, char *message, size_t size);
    void (*close)(dicom_file *file);
    // The reason why the file cannot be trusted; NULL if it is undamaged.
    const char *(*damage)(const dicom_file *file);
    // The value at a path of tags, each as 0xGGGGEEEE: all but the last are sequences, whose first items are used. The
    // text is UTF-8, zero-terminated and cut to `size`; several numbers are separated by backslashes. Byte values and
    // sequences give an empty text. Returns the length of the whole value, or -1 if it is missing.
    long (*text)(const dicom_file *file, long place, const uint32_t *tags, int count, char *buffer, size_t size);
    // The number of items of the per-frame functional groups.
    long (*frame_items)(const dicom_file *file);
    // Writes the items of a sequence, at most `capacity`, to `items`, and returns the total number of items. The
    // sequence belongs to `item`, or to the data set if `item` is NULL.
    long (*items)(const dicom_file *file, dicom_item *item, uint32_t sequence, dicom_item **items, long capacity);
    // The value of an item, like `text`.
    long (*item_text)(const dicom_file *file, dicom_item *item, uint32_t tag, char *buffer, size_t size);
    // The stored values of a frame, decompressed, without the bits outside BitsStored. The data set decides the sign,
    // even if a JPEG 2000 stream contradicts it. `count` must be Rows × Columns. Returns 0, or -1 and a message.
    int (*decode)(dicom_file *file, uint32_t frame, int32_t *values, size_t count, char *message, size_t size);

    // Writing. If `item` is NULL, the data set is meant. Functions that return a number return 0, or -1 if they fail.

    // Creates an empty file; NULL and a message if DCMTK lacks its dictionary or memory.
    dicom_file *(*create)(char *message, size_t size);
    // Appends an item to a sequence, which is created if it is missing. NULL if that fails.
    dicom_item *(*add_item)(dicom_file *file, dicom_item *item, uint32_t sequence);
    // Sets a value; several values are separated by backslashes, a tag is written as (gggg,eeee).
    int (*put)(dicom_file *file, dicom_item *item, uint32_t tag, const char *text);
    // Sets a byte value of the data set.
    int (*put_bytes)(dicom_file *file, uint32_t tag, const uint8_t *bytes, size_t count);
    // Copies an element of the data set of another file unchanged, including its character set. Returns 1 if the
    // element is missing.
    int (*copy)(dicom_file *file, const dicom_file *from, uint32_t tag);
    // Saves the file in little endian, with explicit VRs unless `is_implicit`.
    int (*save)(dicom_file *file, const char *path, int is_implicit, char *message, size_t size);
} dicom_library;

// Opens the library; NULL and the reason if that fails. MEDSEG_DICOM_LIBRARY selects another file.
const dicom_library *dicom_library_open(const char **reason);

// The only function that libMedSegDICOM exports.
const dicom_library *medseg_dicom_library(void);

#ifdef __cplusplus
}
#endif
#endif
