// Creates DICOM files, value by value, with DCMTK's dcmdata.
#include "file.h"

#include <memory>

// No exception may reach Swift; it would end the process.

dicom_file *createFile(char *message, size_t size) try {
    prepare();
    if (!dcmDataDict.isDictionaryLoaded()) {
        tell(message, size, "DCMTK does not find its dictionary; install its package again, or unset DCMDICTPATH");
        return nullptr;
    }
    return new dicom_file;
} catch (...) {
    tell(message, size, "there is not enough memory for it");
    return nullptr;
}

dicom_item *addItem(dicom_file *file, dicom_item *item, uint32_t sequence) try {
    DcmItem &parent = itemOf(*file, item);
    std::unique_ptr<DcmItem> made(new DcmItem);
    DcmItem *added = made.get();
    if (parent.insertSequenceItem(DcmTag(tagKey(sequence)), made.get()).bad()) return nullptr;
    made.release();
    return reinterpret_cast<dicom_item *>(added);
} catch (...) {
    return nullptr;
}

int putText(dicom_file *file, dicom_item *item, uint32_t tag, const char *text) try {
    DcmTag key(tagKey(tag));
    // A pixel's value may have the VR US or SS; the values written here are never negative.
    if (key.getEVR() == EVR_xs) key.setVR(DcmVR(EVR_US));
    return itemOf(*file, item).putAndInsertString(key, text).good() ? 0 : -1;
} catch (...) {
    return -1;
}

int putBytes(dicom_file *file, uint32_t tag, const uint8_t *bytes, size_t count) try {
    if (count >= 0xffffffff) return -1;
    DcmDataset &dataset = *file->format.getDataset();
    return dataset.putAndInsertUint8Array(DcmTag(tagKey(tag)), bytes, (unsigned long)count).good() ? 0 : -1;
} catch (...) {
    return -1;
}

int copyElement(dicom_file *file, const dicom_file *from, uint32_t tag) try {
    DcmDataset &source = *const_cast<dicom_file &>(*from).format.getDataset();
    if (!source.tagExists(tagKey(tag))) return 1;
    return source.findAndInsertCopyOfElement(tagKey(tag), file->format.getDataset()).good() ? 0 : -1;
} catch (...) {
    return -1;
}

int saveFile(dicom_file *file, const char *path, int is_implicit, char *message, size_t size) try {
    const OFCondition status =
        file->format.saveFile(path, is_implicit ? EXS_LittleEndianImplicit : EXS_LittleEndianExplicit);
    if (status.good()) return 0;
    tell(message, size, status.text());
    return -1;
} catch (...) {
    tell(message, size, "there is not enough memory for it");
    return -1;
}
