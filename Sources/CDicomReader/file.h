// An open DICOM file, as the parts of libMedSegDICOM share it.
#pragma once

#include "CDicom.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct dicom_file {
    DcmFileFormat format;
    std::string syntax;
    std::string damage;
    // The most bytes that a value can have, whatever length the file claims for it.
    size_t mostBytes = 0;
    // Items of the per-frame functional groups: DCMTK keeps them in a list, in which each look-up starts anew.
    std::vector<DcmItem *> frames;
};

/// Registers what DCMTK decodes with, once.
void prepare();

/// A tag, group and element in one number.
DcmTagKey tagKey(uint32_t tag);

/// An item as DCMTK knows it; the data set for none.
inline DcmItem &itemOf(dicom_file &file, dicom_item *item) {
    return item ? *reinterpret_cast<DcmItem *>(item) : *file.format.getDataset();
}

/// What a data set says of its pixels.
struct PixelForm {
    uint16_t rows = 0, columns = 0, samples = 1, allocated = 0, stored = 0, highBit = 0, isSigned = 0;
    long frames = 1;

    size_t count() const { return (size_t)rows * columns; }
    size_t byteCount() const { return count() * (allocated / 8); }
};

/// A message for people, cut to the room there is.
void tell(char *message, size_t size, const char *text);

/// Whether a transfer syntax is one of JPEG 2000 or HTJ2K that OpenJPEG decodes.
bool isJPEG2000(const std::string &syntax);

/// Decodes a frame of JPEG 2000. Returns nullptr, or why it cannot be done.
const char *decodeJPEG2000(const std::vector<uint8_t> &stream, const PixelForm &form, int32_t *values);

/// The compressed bytes of a frame. Returns nullptr, or why they cannot be told.
const char *frameStream(
    DcmPixelSequence &sequence, uint32_t frame, const PixelForm &form, std::vector<uint8_t> &stream);

/// Why a compressed frame of RLE, JPEG or JPEG-LS is not whole or not what the data set says; nullptr where it is.
const char *faultOfStream(const std::string &syntax, const std::vector<uint8_t> &stream, const PixelForm &form);

/// Decodes a frame of any syntax; `values` has `form.count()` of them. Returns nullptr, or why it cannot be done.
const char *decodeFrame(dicom_file &file, uint32_t frame, size_t count, int32_t *values, std::string &reason);

// The functions of the table that write; none throws.
dicom_file *createFile(char *message, size_t size);
dicom_item *addItem(dicom_file *file, dicom_item *item, uint32_t sequence);
int putText(dicom_file *file, dicom_item *item, uint32_t tag, const char *text);
int putBytes(dicom_file *file, uint32_t tag, const uint8_t *bytes, size_t count);
int copyElement(dicom_file *file, const dicom_file *from, uint32_t tag);
int saveFile(dicom_file *file, const char *path, int is_implicit, char *message, size_t size);
