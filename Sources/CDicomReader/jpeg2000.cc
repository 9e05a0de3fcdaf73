// Decodes JPEG 2000 and HTJ2K with OpenJPEG because the free edition of DCMTK decodes neither.
#include "file.h"

#include <openjpeg-2.5/openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

bool isJPEG2000(const std::string &syntax) {
    static const char *const syntaxes[] = {
        "1.2.840.10008.1.2.4.90",  "1.2.840.10008.1.2.4.91",  "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203",
    };
    return std::any_of(std::begin(syntaxes), std::end(syntaxes), [&](const char *known) { return syntax == known; });
}

namespace {

/// A stream in memory that OpenJPEG reads through callbacks.
struct Memory {
    const uint8_t *data;
    size_t size, at;
};

OPJ_SIZE_T readMemory(void *to, OPJ_SIZE_T count, void *user) {
    auto *memory = static_cast<Memory *>(user);
    if (memory->at >= memory->size) return (OPJ_SIZE_T)-1;
    count = std::min<OPJ_SIZE_T>(count, memory->size - memory->at);
    std::memcpy(to, memory->data + memory->at, count);
    memory->at += count;
    return count;
}

OPJ_OFF_T skipMemory(OPJ_OFF_T count, void *user) {
    auto *memory = static_cast<Memory *>(user);
    if (count < 0) return -1;
    memory->at += std::min<size_t>((size_t)count, memory->size - memory->at);
    return count;
}

OPJ_BOOL seekMemory(OPJ_OFF_T at, void *user) {
    auto *memory = static_cast<Memory *>(user);
    if (at < 0 || (size_t)at > memory->size) return OPJ_FALSE;
    memory->at = (size_t)at;
    return OPJ_TRUE;
}

using Codec = std::unique_ptr<opj_codec_t, void (*)(opj_codec_t *)>;
using Stream = std::unique_ptr<opj_stream_t, void (*)(opj_stream_t *)>;
using Image = std::unique_ptr<opj_image_t, void (*)(opj_image_t *)>;

Stream open(Memory &memory) {
    Stream stream(opj_stream_create(1 << 16, OPJ_TRUE), opj_stream_destroy);
    if (!stream) return stream;
    opj_stream_set_read_function(stream.get(), readMemory);
    opj_stream_set_skip_function(stream.get(), skipMemory);
    opj_stream_set_seek_function(stream.get(), seekMemory);
    opj_stream_set_user_data(stream.get(), &memory, nullptr);
    opj_stream_set_user_data_length(stream.get(), memory.size);
    return stream;
}

} // namespace

const char *decodeJPEG2000(const std::vector<uint8_t> &bytes, const PixelForm &form, int32_t *values) {
    Memory memory{bytes.data(), bytes.size(), 0};
    // Some writers store a whole JP2 file with its boxes in a frame.
    const bool isBoxed = bytes.size() > 12 && std::memcmp(bytes.data() + 4, "jP  ", 4) == 0;
    Codec codec(opj_create_decompress(isBoxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K), opj_destroy_codec);
    Stream stream = open(memory);
    if (!codec || !stream) return "there is not enough memory for its pixels";
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_image_t *made = nullptr;
    const bool isSound =
        opj_setup_decoder(codec.get(), &parameters) && opj_read_header(stream.get(), codec.get(), &made);
    Image image(made, opj_image_destroy);
    if (!isSound || !image) return "the header of its JPEG 2000 stream is damaged";
    // Checked before OpenJPEG allocates the size that a damaged header claims.
    if (image->numcomps != 1 || image->comps[0].w != form.columns || image->comps[0].h != form.rows)
        return "its JPEG 2000 stream has another size than the data set";
    if (!opj_decode(codec.get(), stream.get(), image.get()) || !opj_end_decompress(codec.get(), stream.get()))
        return "its JPEG 2000 stream is damaged";
    const OPJ_INT32 *decoded = image->comps[0].data;
    if (!decoded || image->comps[0].w != form.columns || image->comps[0].h != form.rows)
        return "its JPEG 2000 stream is damaged";
    std::copy(decoded, decoded + form.count(), values);
    return nullptr;
}
