// The frames of a file: finds the compressed bytes of a frame, and decodes its values.
#include "file.h"

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace {

PixelForm pixelForm(DcmItem &dataset) {
    PixelForm form;
    dataset.findAndGetUint16(DCM_Rows, form.rows);
    dataset.findAndGetUint16(DCM_Columns, form.columns);
    dataset.findAndGetUint16(DCM_SamplesPerPixel, form.samples);
    dataset.findAndGetUint16(DCM_BitsAllocated, form.allocated);
    if (dataset.findAndGetUint16(DCM_BitsStored, form.stored).bad()) form.stored = form.allocated;
    if (dataset.findAndGetUint16(DCM_HighBit, form.highBit).bad()) form.highBit = form.stored - 1;
    dataset.findAndGetUint16(DCM_PixelRepresentation, form.isSigned);
    // If the attribute is missing, DCMTK sets its result to 0.
    long frames = 1;
    if (dataset.findAndGetLongInt(DCM_NumberOfFrames, frames).good() && frames > 0) form.frames = frames;
    return form;
}

// MARK: compressed frames

/// Appends the bytes of a fragment and frees DCMTK's copy of them.
bool append(DcmPixelSequence &sequence, unsigned long number, std::vector<uint8_t> &stream) {
    DcmPixelItem *item = nullptr;
    Uint8 *bytes = nullptr;
    if (sequence.getItem(item, number).bad() || !item) return false;
    const Uint32 length = item->getLength();
    if (length == 0) return true;
    if (item->getUint8Array(bytes).bad() || !bytes) return false;
    stream.insert(stream.end(), bytes, bytes + length);
    item->compact();
    return true;
}

/// Whether a fragment begins a compressed frame: with JPEG's SOI, JPEG 2000's SOC, or the signature box of JP2.
bool beginsPicture(const std::vector<uint8_t> &bytes) {
    if (bytes.size() < 3 || bytes[0] != 0xff) return bytes.size() > 8 && std::memcmp(&bytes[4], "jP  ", 4) == 0;
    return (bytes[1] == 0xd8 && bytes[2] == 0xff) || (bytes[1] == 0x4f && bytes[2] == 0xff);
}

/// The first fragment of each frame, from the basic offset table or else from the first bytes of the fragments; empty
/// if neither is conclusive.
std::vector<unsigned long> frameStarts(DcmPixelSequence &sequence, const PixelForm &form) {
    const unsigned long fragments = sequence.card() - 1;
    std::vector<uint8_t> table;
    std::vector<unsigned long> starts;
    append(sequence, 0, table);
    const bool hasTable = table.size() == 4 * (size_t)form.frames;
    uint64_t offset = 0;
    for (unsigned long number = 1; number <= fragments; number++) {
        std::vector<uint8_t> bytes;
        if (hasTable && starts.size() < (size_t)form.frames) {
            const uint8_t *entry = &table[4 * starts.size()];
            const uint32_t wanted = entry[0] | entry[1] << 8 | entry[2] << 16 | (uint32_t)entry[3] << 24;
            if (wanted == offset) starts.push_back(number);
        }
        DcmPixelItem *item = nullptr;
        if (sequence.getItem(item, number).bad() || !item) return {};
        offset += 8 + (uint64_t)item->getLength();
        if (!hasTable) {
            if (!append(sequence, number, bytes)) return {};
            if (beginsPicture(bytes)) starts.push_back(number);
        }
    }
    if (starts.size() != (size_t)form.frames || starts.empty() || starts[0] != 1) return {};
    return starts;
}

DcmPixelSequence *compressed(DcmPixelData &pixels) {
    E_TransferSyntax syntax;
    const DcmRepresentationParameter *parameter = nullptr;
    DcmPixelSequence *sequence = nullptr;
    // DCMTK 3.6.7 does not know HTJ2K, therefore its own type for the syntax does not show whether the data are
    // compressed.
    pixels.getOriginalRepresentationKey(syntax, parameter);
    return pixels.getEncapsulatedRepresentation(syntax, parameter, sequence).good() ? sequence : nullptr;
}

// MARK: decoding by DCMTK

const char *valuesOf(
    DcmPixelData &pixels, DcmItem &dataset, uint32_t frame, const PixelForm &form, std::vector<uint8_t> &bytes,
    std::string &reason) {
    Uint32 needed = 0, start = 0;
    OFString colour;
    if (pixels.getUncompressedFrameSize(&dataset, needed).bad() || needed != form.byteCount())
        return "its frames have another size than its header gives";
    // DCMTK pads an odd number of bytes.
    bytes.resize(form.byteCount() + (form.byteCount() & 1));
    OFCondition status =
        pixels.getUncompressedFrame(&dataset, frame, start, bytes.data(), (Uint32)bytes.size(), colour);
    if (status.good()) return nullptr;
    reason = std::string("its pixels cannot be decoded (") + status.text() + ")";
    return reason.c_str();
}

/// Decodes a frame of several fragments as a file of one frame; DCMTK itself finds such frames only with an offset
/// table.
const char *valuesOfFragments(
    DcmItem &dataset, std::vector<uint8_t> &stream, E_TransferSyntax syntax, const PixelForm &form,
    std::vector<uint8_t> &bytes, std::string &reason) {
    if (stream.size() & 1) stream.push_back(0);
    DcmDataset single;
    for (const DcmTagKey &tag :
         {DCM_Rows, DCM_Columns, DCM_SamplesPerPixel, DCM_BitsAllocated, DCM_BitsStored, DCM_HighBit,
          DCM_PixelRepresentation, DCM_PhotometricInterpretation})
        dataset.findAndInsertCopyOfElement(tag, &single);
    std::unique_ptr<DcmPixelSequence> fragments(new DcmPixelSequence(DCM_PixelSequenceTag));
    for (bool isTable : {true, false}) {
        std::unique_ptr<DcmPixelItem> item(new DcmPixelItem(DCM_PixelItemTag));
        if (!isTable && item->putUint8Array(stream.data(), (unsigned long)stream.size()).bad())
            return "there is not enough memory for its pixels";
        if (fragments->insert(item.release()).bad()) return "there is not enough memory for its pixels";
    }
    std::unique_ptr<DcmPixelData> pixels(new DcmPixelData(DCM_PixelData));
    pixels->putOriginalRepresentation(syntax, nullptr, fragments.release());
    DcmPixelData *given = pixels.get();
    if (single.insert(pixels.release()).bad()) return "there is not enough memory for its pixels";
    return valuesOf(*given, single, 0, form, bytes, reason);
}

/// Removes the bits outside BitsStored, and extends the sign.
class Unpacking {
    unsigned shift;
    uint32_t mask, sign;

  public:
    explicit Unpacking(const PixelForm &form, bool isShifted)
        : shift(isShifted ? form.highBit + 1 - form.stored : 0),
          mask(form.stored >= 32 ? 0xffffffffu : (1u << form.stored) - 1),
          sign(form.isSigned ? 1u << (form.stored - 1) : 0) {}

    int32_t operator()(uint32_t word) const { return (int32_t)((((word >> shift) & mask) ^ sign) - sign); }
};

template <typename Word> void unpack(const uint8_t *bytes, const PixelForm &form, int32_t *values) {
    const Unpacking unpacking(form, true);
    for (size_t i = 0; i < form.count(); i++) {
        Word word;
        std::memcpy(&word, bytes + i * sizeof(Word), sizeof(Word));
        values[i] = unpacking(word);
    }
}

/// Decodes 1-bit pixels of a segmentation: frames are contiguous, with the lowest bit of a byte first.
const char *decodeBits(DcmPixelData &pixels, uint32_t frame, const PixelForm &form, int32_t *values) {
    const uint64_t first = (uint64_t)frame * form.count();
    const uint64_t start = first / 8, end = (first + form.count() + 7) / 8;
    if (pixels.getLength() < end) return "its pixels end too early";
    std::vector<uint8_t> bytes(end - start);
    if (pixels.getPartialValue(bytes.data(), (Uint32)start, (Uint32)bytes.size()).bad())
        return "its pixels cannot be read";
    for (size_t i = 0; i < form.count(); i++) values[i] = bytes[(first + i) / 8 - start] >> (first + i) % 8 & 1;
    return nullptr;
}

const char *faultOf(const PixelForm &form, uint32_t frame, size_t count) {
    if (form.count() == 0 || form.count() != count || form.samples != 1) return "its header does not describe an image";
    if (form.allocated != 1 && form.allocated != 8 && form.allocated != 16 && form.allocated != 32)
        return "its BitsAllocated is not 1, 8, 16 or 32";
    if (form.stored == 0 || form.stored > form.allocated || form.highBit + 1 < form.stored
        || form.highBit >= form.allocated)
        return "its BitsStored and HighBit do not fit its BitsAllocated";
    if ((long)frame >= form.frames) return "it has fewer frames than its header gives";
    return nullptr;
}

} // namespace

const char *frameStream(
    DcmPixelSequence &sequence, uint32_t frame, const PixelForm &form, std::vector<uint8_t> &stream) {
    if (sequence.card() < 2) return "its compressed pixels are missing";
    const unsigned long fragments = sequence.card() - 1;
    unsigned long first = 1, end = fragments + 1;
    if ((unsigned long)form.frames == fragments) {
        first = frame + 1;
        end = first + 1;
    } else if (form.frames > 1) {
        const std::vector<unsigned long> starts = frameStarts(sequence, form);
        if (starts.empty()) return "the compressed bytes of its frames cannot be found";
        first = starts[frame];
        if (frame + 1 < starts.size()) end = starts[frame + 1];
    }
    for (unsigned long number = first; number < end; number++)
        if (!append(sequence, number, stream)) return "its compressed pixels cannot be read";
    return nullptr;
}

const char *decodeFrame(dicom_file &file, uint32_t frame, size_t count, int32_t *values, std::string &reason) {
    DcmDataset &dataset = *file.format.getDataset();
    const PixelForm form = pixelForm(dataset);
    if (const char *fault = faultOf(form, frame, count)) return fault;
    DcmElement *element = nullptr;
    dataset.findAndGetElement(DCM_PixelData, element);
    auto *pixels = dynamic_cast<DcmPixelData *>(element);
    if (!pixels) return "it has no pixels";
    DcmPixelSequence *sequence = compressed(*pixels);
    if (form.allocated == 1)
        return sequence ? "its pixels of one bit are compressed" : decodeBits(*pixels, frame, form, values);
    if (!sequence && element->getLength() / form.byteCount() < (size_t)form.frames) return "its pixels end too early";
    std::vector<uint8_t> stream;
    if (sequence) {
        if (const char *fault = frameStream(*sequence, frame, form, stream)) return fault;
        if (const char *fault = faultOfStream(file.syntax, stream, form)) return fault;
    }
    if (isJPEG2000(file.syntax)) {
        if (!sequence) return "its compressed pixels are missing";
        if (const char *fault = decodeJPEG2000(stream, form, values)) return fault;
        // The data set decides the sign: some streams contradict it, and the data set is right.
        const Unpacking unpacking(form, false);
        std::transform(
            values, values + form.count(), values, [&](int32_t value) { return unpacking((uint32_t)value); });
        return nullptr;
    }
    std::vector<uint8_t> bytes;
    const bool isSpread = sequence && form.frames > 1 && sequence->card() != (unsigned long)form.frames + 1;
    const char *fault = isSpread ? valuesOfFragments(dataset, stream, dataset.getOriginalXfer(), form, bytes, reason)
                                 : valuesOf(*pixels, dataset, frame, form, bytes, reason);
    if (fault) return fault;
    if (form.allocated == 8) unpack<uint8_t>(bytes.data(), form, values);
    else if (form.allocated == 16) unpack<uint16_t>(bytes.data(), form, values);
    else unpack<uint32_t>(bytes.data(), form, values);
    return nullptr;
}
