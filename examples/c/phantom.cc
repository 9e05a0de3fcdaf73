// Segments a scan that the program makes, in C++ without a library for images, and writes the mask as NIfTI-1 by hand.
//
//     c++ -std=c++17 -O2 phantom.cc -I"$PREFIX/include" -L"$PREFIX/lib" -lmedseg -o phantom
//     ./phantom spleen_model mask.nii
#include <medseg.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Close {
    void operator()(medseg_model *model) const { medseg_close(model); }
    void operator()(medseg_result *result) const { medseg_result_free(result); }
};

// Throws what a function of medseg.h says.
void check(medseg_status status, char *error) {
    if (status == MEDSEG_OK) return;
    std::string text = error ? error : "unknown";
    medseg_free(error);
    throw std::runtime_error(text);
}

// A sphere of 50 HU in fat of -100 HU, in a box of `edge` voxels of 2 mm.
std::vector<float> sphere(size_t edge) {
    std::vector<float> voxels;
    for (size_t i = 0; i < edge; i++)
        for (size_t j = 0; j < edge; j++)
            for (size_t k = 0; k < edge; k++) {
                double x = i - edge / 2.0, y = j - edge / 2.0, z = k - edge / 2.0;
                voxels.push_back(std::sqrt(x * x + y * y + z * z) < edge / 4.0 ? 50 : -100);
            }
    return voxels;
}

template <class T> void put(std::vector<char> &header, size_t offset, T value) {
    std::memcpy(header.data() + offset, &value, sizeof value);
}

// The 348 bytes of a NIfTI-1 header, four of extensions, and the voxels with the first axis fastest.
void write(const std::string &path, const uint8_t *mask, size_t edge) {
    std::vector<char> header(352);
    put<int32_t>(header, 0, 348);
    const int16_t extents[] = {3, int16_t(edge), int16_t(edge), int16_t(edge), 1, 1, 1, 1};
    std::memcpy(header.data() + 40, extents, sizeof extents);
    put<int16_t>(header, 70, 2); // uint8
    put<int16_t>(header, 72, 8);
    for (int axis = 1; axis <= 3; axis++) put<float>(header, 76 + 4 * axis, 2);
    put<float>(header, 108, 352);
    header[123] = 2;              // millimetres
    put<int16_t>(header, 254, 1); // sform
    for (int row = 0; row < 3; row++) put<float>(header, 280 + 16 * row + 4 * row, 2);
    std::memcpy(header.data() + 344, "n+1", 4);
    std::ofstream file(path, std::ios::binary);
    file.write(header.data(), header.size());
    for (size_t k = 0; k < edge; k++)
        for (size_t j = 0; j < edge; j++)
            for (size_t i = 0; i < edge; i++) file.put(char(mask[(i * edge + j) * edge + k]));
    if (!file.flush()) throw std::runtime_error(path + " cannot be written");
}

} // namespace

int main(int count, char **arguments) {
    if (count != 3) {
        std::fprintf(stderr, "usage: phantom MODEL MASK.nii\n");
        return 64;
    }
    try {
        char *error = nullptr;
        medseg_model *opened = nullptr;
        check(medseg_open(arguments[1], nullptr, &opened, &error), error);
        std::unique_ptr<medseg_model, Close> model(opened);

        const size_t edge = 48;
        const std::vector<float> voxels = sphere(edge);
        medseg_scan scan = MEDSEG_SCAN_INIT;
        scan.voxels = voxels.data();
        for (int axis = 0; axis < 3; axis++) {
            scan.extents[axis] = edge;
            scan.affine[5 * axis] = 2;
        }
        medseg_result *found = nullptr;
        check(medseg_predict(model.get(), &scan, nullptr, &found, &error), error);
        std::unique_ptr<medseg_result, Close> result(found);
        write(arguments[2], medseg_result_map(result.get(), 0), edge);
        std::printf("%s\n", medseg_result_report(result.get()));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "phantom: %s\n", error.what());
        return 1;
    }
}
