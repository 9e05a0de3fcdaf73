// Opens DICOM files and reads their values, with DCMTK's dcmdata.
#include "file.h"

#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dcspchrs.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <cstring>
#include <memory>
#include <mutex>

void tell(char *message, size_t size, const char *text) {
    if (!message || size == 0) return;
    std::strncpy(message, text, size - 1);
    message[size - 1] = 0;
}

DcmTagKey tagKey(uint32_t tag) { return DcmTagKey((Uint16)(tag >> 16), (Uint16)(tag & 0xffff)); }

// DCMTK's log is off because its lines contain values that identify patients.
void prepare() {
    static std::once_flag once;
    std::call_once(once, [] {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        DJDecoderRegistration::registerCodecs();
        DJLSDecoderRegistration::registerCodecs();
        DcmRLEDecoderRegistration::registerCodecs();
        // A value that is too long for its VR, such as a long contour, is written with the VR UN.
        dcmEnableUnknownVRConversion.set(OFTrue);
    });
}

namespace {

DcmSequenceOfItems *sequence(DcmItem &item, const DcmTagKey &tag) {
    DcmSequenceOfItems *found = nullptr;
    return item.findAndGetSequence(tag, found).good() ? found : nullptr;
}

void findFrames(dicom_file &file) {
    auto *groups = sequence(*file.format.getDataset(), DCM_PerFrameFunctionalGroupsSequence);
    if (!groups) return;
    for (DcmObject *item = nullptr; (item = groups->nextInContainer(item)) != nullptr;)
        if (auto *group = dynamic_cast<DcmItem *>(item)) file.frames.push_back(group);
}

// Larger values stay on disk until they are read.
constexpr Uint32 largestValueInMemory = 4096;
// The maximum size of a value in bytes. A text may be larger than that of a contour with a million points, and a list
// of numbers larger than a colour table.
constexpr Uint32 largestText = 64 << 20;
constexpr Uint32 largestNumbers = 1 << 20;

dicom_file *openFile(const char *path, char *message, size_t size) {
    prepare();
    std::unique_ptr<dicom_file> file(new dicom_file);
    OFCondition status = file->format.loadFile(path, EXS_Unknown, EGL_noChange, largestValueInMemory, ERM_autoDetect);
    if (status.bad()) {
        file->damage = status.text();
        if (file->format.getDataset()->card() == 0) {
            tell(message, size, status.text());
            return nullptr;
        }
    }
    const E_StreamCompression packing = DcmXfer(file->format.getDataset()->getOriginalXfer()).getStreamCompression();
    file->mostBytes = packing == ESC_none ? OFStandard::getFileSize(path) : largestText;
    OFString uid;
    DcmMetaInfo &meta = *file->format.getMetaInfo();
    if (meta.findAndGetOFString(DCM_TransferSyntaxUID, uid).bad() || uid.empty()) {
        uid = DcmXfer(file->format.getDataset()->getOriginalXfer()).getXferID();
        meta.putAndInsertOFStringArray(DCM_TransferSyntaxUID, uid);
    }
    file->syntax = uid.c_str();
    findFrames(*file);
    return file.release();
}

DcmItem *place(dicom_file &file, long where) {
    if (where == DICOM_META) return file.format.getMetaInfo();
    if (where == DICOM_DATASET) return file.format.getDataset();
    if (where >= 0) return (size_t)where < file.frames.size() ? file.frames[where] : nullptr;
    DcmItem *shared = nullptr;
    file.format.getDataset()->findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared, 0);
    return shared;
}

// A text in UTF-8, with '?' for bytes that are not valid in the data set's character set.
OFString readable(dicom_file &file, const OFString &value) {
    bool isPlain = true;
    for (size_t i = 0; i < value.length(); i++) isPlain = isPlain && (unsigned char)value[i] < 0x80;
    if (isPlain) return value;
    OFString set, converted;
    DcmElement *element = nullptr;
    file.format.getDataset()->findAndGetElement(DCM_SpecificCharacterSet, element);
    if (element && element->getLengthField() <= file.mostBytes) element->getOFStringArray(set);
    DcmSpecificCharacterSet converter;
    if (converter.selectCharacterSet(set).good() && converter.convertString(value, converted).good()) return converted;
    converted = value;
    for (size_t i = 0; i < converted.length(); i++)
        if ((unsigned char)converted[i] >= 0x80) converted[i] = '?';
    return converted;
}

// Whether a value is text or a short list of numbers. Values of other VRs may have any length, and DCMTK would write
// them all as numbers: bytes, words, and unknown VRs.
bool isReadable(const dicom_file &file, DcmElement &element) {
    if (element.getLengthField() > file.mostBytes) return false;
    if (DcmVR(element.ident()).isaString()) return element.getLength() <= largestText;
    if (element.getLength() > largestNumbers) return false;
    switch (element.ident()) {
    case EVR_AT:
    case EVR_FD:
    case EVR_FL:
    case EVR_SL:
    case EVR_SS:
    case EVR_UL:
    case EVR_US:
    case EVR_xs: return true;
    default: return false;
    }
}

long valueOf(dicom_file &file, DcmItem &item, uint32_t tag, char *buffer, size_t size) {
    DcmElement *element = nullptr;
    if (item.findAndGetElement(tagKey(tag), element).bad() || !element) return -1;
    OFString value;
    if (!isReadable(file, *element)) {
        tell(buffer, size, "");
        return 0;
    }
    char *whole = nullptr;
    // Reading a contour part by part would take DCMTK a time that grows with the square of the contour's length.
    if (element->ident() == EVR_DS && element->getLength() > largestValueInMemory && element->getString(whole).good()
        && whole) {
        tell(buffer, size, whole);
        return (long)std::strlen(whole);
    }
    if (element->getOFStringArray(value).bad()) {
        tell(buffer, size, "");
        return 0;
    }
    const OFString text = readable(file, value);
    tell(buffer, size, text.c_str());
    return (long)text.length();
}

long textOf(dicom_file &file, long where, const uint32_t *tags, int count, char *buffer, size_t size) {
    DcmItem *item = place(file, where);
    for (int i = 0; item && i + 1 < count; i++) {
        DcmItem *next = nullptr;
        if (item->findAndGetSequenceItem(tagKey(tags[i]), next, 0).bad()) return -1;
        item = next;
    }
    return item && count > 0 ? valueOf(file, *item, tags[count - 1], buffer, size) : -1;
}

long itemsOf(DcmItem &parent, uint32_t tag, dicom_item **items, long capacity) {
    auto *found = sequence(parent, tagKey(tag));
    if (!found) return 0;
    long count = 0;
    // Follows the chain of items: an access by number would search from the first item each time.
    for (DcmObject *object = nullptr; (object = found->nextInContainer(object)) != nullptr; count++)
        if (count < capacity) items[count] = reinterpret_cast<dicom_item *>(static_cast<DcmItem *>(object));
    return count;
}

// No exception may reach Swift; it would end the process.

dicom_file *safeOpen(const char *path, char *message, size_t size) try {
    return openFile(path, message, size);
} catch (...) {
    tell(message, size, "there is not enough memory for it");
    return nullptr;
}

void safeClose(dicom_file *file) try { delete file; } catch (...) {
}

const char *damageOf(const dicom_file *file) { return file->damage.empty() ? nullptr : file->damage.c_str(); }

long safeText(const dicom_file *file, long where, const uint32_t *tags, int count, char *buffer, size_t size) try {
    // DCMTK reads values from disk on access and treats that as a change of the file, therefore const is cast away.
    return textOf(const_cast<dicom_file &>(*file), where, tags, count, buffer, size);
} catch (...) {
    return -1;
}

long safeItems(const dicom_file *file, dicom_item *item, uint32_t sequence, dicom_item **items, long capacity) try {
    return itemsOf(itemOf(const_cast<dicom_file &>(*file), item), sequence, items, capacity);
} catch (...) {
    return 0;
}

long safeItemText(const dicom_file *file, dicom_item *item, uint32_t tag, char *buffer, size_t size) try {
    dicom_file &open = const_cast<dicom_file &>(*file);
    return valueOf(open, itemOf(open, item), tag, buffer, size);
} catch (...) {
    return -1;
}

long frameItems(const dicom_file *file) { return (long)file->frames.size(); }

int safeDecode(dicom_file *file, uint32_t frame, int32_t *values, size_t count, char *message, size_t size) try {
    std::string reason;
    const char *fault = decodeFrame(*file, frame, count, values, reason);
    if (!fault) return 0;
    tell(message, size, fault);
    return -1;
} catch (...) {
    tell(message, size, "there is not enough memory for its pixels");
    return -1;
}

} // namespace

extern "C" __attribute__((visibility("default"))) const dicom_library *medseg_dicom_library(void) {
    static const dicom_library table = {
        DICOM_LIBRARY_VERSION,
        safeOpen,
        safeClose,
        damageOf,
        safeText,
        frameItems,
        safeItems,
        safeItemText,
        safeDecode,
        createFile,
        addItem,
        putText,
        putBytes,
        copyElement,
        saveFile,
    };
    return &table;
}
