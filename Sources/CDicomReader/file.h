// An open DICOM file, for all parts of libMedSegDICOM.
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
    // The maximum number of bytes of a value, whatever length the file claims for it.
    size_t mostBytes = 0;
    // The items of the per-frame functional groups: DCMTK keeps them in a list and searches it from the start each
    // time.
    std::vector<DcmItem *> frames;
};

/// Registers DCMTK's decoders, once.
void prepare();

/// The DCMTK tag of a group and element in one number.
DcmTagKey tagKey(uint32_t tag);

/// The DCMTK item of a handle; the data set for NULL.
inline DcmItem &itemOf(dicom_file &file, dicom_item *item) {
    return item ? *reinterpret_cast<DcmItem *>(item) : *file.format.getDataset();
}

/// The format of the pixels according to the data set.
struct PixelForm {
    uint16_t rows = 0, columns = 0, samples = 1, allocated = 0, stored = 0, highBit = 0, isSigned = 0;
    long frames = 1;

    size_t count() const { return (size_t)rows * columns; }
    size_t byteCount() const { return count() * (allocated / 8); }
};

/// Writes a message, cut to `size`.
void tell(char *message, size_t size, const char *text);

/// Whether a transfer syntax is one of JPEG 2000 or HTJ2K that OpenJPEG decodes.
bool isJPEG2000(const std::string &syntax);

/// Decodes a JPEG 2000 frame. Returns nullptr, or the reason why it failed.
const char *decodeJPEG2000(const std::vector<uint8_t> &stream, const PixelForm &form, int32_t *values);

/// Gets the compressed bytes of a frame. Returns nullptr, or the reason why they cannot be found.
const char *frameStream(
    DcmPixelSequence &sequence, uint32_t frame, const PixelForm &form, std::vector<uint8_t> &stream);

/// The reason why a compressed frame of RLE, JPEG or JPEG-LS is incomplete or contradicts the data set; nullptr if it
/// is valid.
const char *faultOfStream(const std::string &syntax, const std::vector<uint8_t> &stream, const PixelForm &form);

/// Decodes a frame of any syntax; `values` has `form.count()` elements. Returns nullptr, or the reason why it failed.
const char *decodeFrame(dicom_file &file, uint32_t frame, size_t count, int32_t *values, std::string &reason);

// The writing functions of the table; none throws.
dicom_file *createFile(char *message, size_t size);
dicom_item *addItem(dicom_file *file, dicom_item *item, uint32_t sequence);
int putText(dicom_file *file, dicom_item *item, uint32_t tag, const char *text);
int putBytes(dicom_file *file, uint32_t tag, const uint8_t *bytes, size_t count);
int copyElement(dicom_file *file, const dicom_file *from, uint32_t tag);
int saveFile(dicom_file *file, const char *path, int is_implicit, char *message, size_t size);
