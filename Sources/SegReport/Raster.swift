import CCairo

/// An opaque image of 8-bit colours for painting in a panel, row 0 at the top.
package struct Raster: Sendable {
    package let width: Int
    package let height: Int
    /// The pixels as 0x00RRGGBB, Cairo's RGB24.
    package private(set) var pixels: [UInt32]

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        pixels = [UInt32](repeating: 0, count: width * height)
    }

    /// The colour of a pixel, with components from 0 to 255.
    package subscript(x: Int, y: Int) -> (red: Int, green: Int, blue: Int) {
        let pixel = pixels[y * width + x]
        return (Int(pixel >> 16 & 255), Int(pixel >> 8 & 255), Int(pixel & 255))
    }

    mutating func set(_ x: Int, _ y: Int, _ red: Double, _ green: Double, _ blue: Double) {
        func byte(_ value: Double) -> UInt32 { UInt32(min(max(value, 0), 1) * 255 + 0.5) }
        pixels[y * width + x] = byte(red) << 16 | byte(green) << 8 | byte(blue)
    }
}

extension Raster {
    /// Reads the pixels of a drawn surface, for use without a file.
    init(reading surface: OpaquePointer) {
        cairo_surface_flush(surface)
        self.init(
            width: Int(cairo_image_surface_get_width(surface)), height: Int(cairo_image_surface_get_height(surface)))
        guard let data = cairo_image_surface_get_data(surface) else { return }
        let stride = Int(cairo_image_surface_get_stride(surface))
        for y in 0..<height {
            for x in 0..<width {
                let pixel = UnsafeRawPointer(data + y * stride + x * 4).load(as: UInt32.self)
                pixels[y * width + x] = pixel & 0xFFFFFF
            }
        }
    }
}

extension Canvas {
    /// Paints an image into a box.
    func paint(_ raster: Raster, in box: Rectangle) {
        guard let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(raster.width), Int32(raster.height)),
            let data = cairo_image_surface_get_data(surface)
        else { return }
        defer { cairo_surface_destroy(surface) }
        let stride = Int(cairo_image_surface_get_stride(surface))
        raster.pixels.withUnsafeBytes { bytes in
            for y in 0..<raster.height {
                let row = UnsafeMutableRawBufferPointer(start: data + y * stride, count: raster.width * 4)
                row.copyBytes(from: bytes[y * raster.width * 4..<(y + 1) * raster.width * 4])
            }
        }
        cairo_surface_mark_dirty(surface)
        cairo_save(context)
        cairo_translate(context, box.x, box.y)
        cairo_scale(context, box.width / Double(raster.width), box.height / Double(raster.height))
        cairo_set_source_surface(context, surface, 0, 0)
        cairo_paint(context)
        cairo_restore(context)
    }
}
