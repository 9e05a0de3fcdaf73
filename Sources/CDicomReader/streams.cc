// Checks whether a compressed frame is complete and has the size of the data set: DCMTK's decoders fill in missing
// data.
#include "file.h"

#include <algorithm>

namespace {

uint32_t little(const uint8_t *bytes) { return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24; }

/// Whether a segment of RLE unpacks to `count` bytes, followed by nothing but padding.
bool unpacksTo(size_t count, const uint8_t *bytes, const uint8_t *end) {
    size_t made = 0;
    while (made < count) {
        if (bytes == end) return false;
        const uint8_t control = *bytes++;
        // The control byte 128 has no effect.
        if (control == 128) continue;
        const size_t taken = control < 128 ? control + 1 : 1;
        if ((size_t)(end - bytes) < taken) return false;
        made += control < 128 ? taken : 257 - control;
        bytes += taken;
    }
    return made == count && std::all_of(bytes, end, [](uint8_t byte) { return byte == 0 || byte == 128; });
}

/// An RLE stream has a header of 64 bytes, with the number of segments and their offsets, then a segment per byte of a
/// pixel.
const char *faultOfRLE(const std::vector<uint8_t> &stream, const PixelForm &form) {
    constexpr size_t header = 64;
    const size_t segments = form.allocated / 8;
    if (stream.size() < header) return "its RLE stream is cut short";
    if (little(&stream[0]) != segments) return "its RLE stream has another number of segments than its header gives";
    size_t start = header;
    for (size_t segment = 0; segment < segments; segment++) {
        const size_t end = segment + 1 < segments ? little(&stream[4 * (segment + 2)]) : stream.size();
        if (little(&stream[4 * (segment + 1)]) != start || end < start || end > stream.size())
            return "the segments of its RLE stream are not at the offsets of its header";
        if (!unpacksTo(form.count(), &stream[0] + start, &stream[0] + end))
            return "its RLE stream is damaged or has another size than the data set";
        start = end;
    }
    return nullptr;
}

/// Whether a marker begins the frame header, which contains the image size (SOF of JPEG and of JPEG-LS).
bool isFrameHeader(uint8_t marker) {
    if (marker == 0xf7) return true;
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/// The offset of the frame header's marker; 0 if there is none.
size_t frameHeader(const std::vector<uint8_t> &stream) {
    size_t at = 2;
    while (at + 4 <= stream.size() && stream[at] == 0xff) {
        const uint8_t marker = stream[at + 1];
        if (isFrameHeader(marker)) return at + 10 <= stream.size() ? at : 0;
        // A marker may be preceded by several FF bytes.
        at += marker == 0xff ? 1 : 2 + (size_t)(stream[at + 2] << 8 | stream[at + 3]);
    }
    return 0;
}

const char *faultOfJPEG(const std::vector<uint8_t> &stream, const PixelForm &form) {
    if (stream.size() < 4 || stream[0] != 0xff || stream[1] != 0xd8)
        return "its JPEG stream does not begin as JPEG does";
    const size_t at = frameHeader(stream);
    if (at == 0) return "its JPEG stream has no frame header";
    const uint8_t *header = &stream[at];
    if ((header[5] << 8 | header[6]) != form.rows || (header[7] << 8 | header[8]) != form.columns || header[9] != 1)
        return "its JPEG stream has another size than the data set";
    // Compressed pixel data never contain FF D9.
    const uint8_t last[] = {0xff, 0xd9};
    if (std::search(stream.begin() + (long)at, stream.end(), last, last + 2) == stream.end())
        return "its JPEG stream ends too early";
    return nullptr;
}

} // namespace

const char *faultOfStream(const std::string &syntax, const std::vector<uint8_t> &stream, const PixelForm &form) {
    if (syntax == "1.2.840.10008.1.2.5") return faultOfRLE(stream, form);
    if (syntax.rfind("1.2.840.10008.1.2.4.", 0) == 0 && !isJPEG2000(syntax)) return faultOfJPEG(stream, form);
    return nullptr;
}
