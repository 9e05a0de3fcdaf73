import CCairo
import Foundation
internal import SegCore

/// A figure of a known size with a drawing closure; written as PNG or SVG according to the file extension.
struct Figure {
    var width: Double
    var height: Double
    var ground = Colour.ground
    /// Draws everything but the background; the second argument is the number of raster pixels per unit.
    var draw: (Canvas, Double) -> Void

    /// Writes the figure atomically: readers never see half a file, and a kill or power failure leaves the old file.
    func write(to file: URL) throws {
        let format = file.pathExtension.lowercased()
        guard ["png", "svg"].contains(format) else { throw ReportError.unknownFormat(path: file.path) }
        do throws(DataError) {
            try DurableFile.replace(file.path) { temporary throws(DataError) in
                let status = format == "png" ? writePNG(temporary) : writeSVG(temporary)
                guard status != CAIRO_STATUS_NO_MEMORY else {
                    throw DataError(
                        .tooLarge, file.path,
                        "drawing this figure needs more memory than is free; allow more (ulimit -v)")
                }
                guard status == CAIRO_STATUS_SUCCESS else {
                    throw DataError(.cannotWrite, file.path, String(cString: cairo_status_to_string(status)))
                }
            }
        } catch {
            if error.kind == .tooLarge { throw error }
            throw ReportError.unwritable(path: file.path, reason: error.message)
        }
    }

    /// The figure's pixels at one pixel per unit.
    func raster() -> Raster? {
        withPixels { Raster(reading: $0) }
    }

    private func writePNG(_ path: String) -> cairo_status_t {
        withPixels { cairo_surface_write_to_png($0, path) } ?? CAIRO_STATUS_NO_MEMORY
    }

    private func withPixels<Result>(_ body: (OpaquePointer) -> Result) -> Result? {
        let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width.rounded()), Int32(height.rounded()))
        guard let surface else { return nil }
        defer { cairo_surface_destroy(surface) }
        guard cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS else { return nil }
        paint(on: surface, pixelsPerUnit: 1)
        return body(surface)
    }

    private func writeSVG(_ path: String) -> cairo_status_t {
        guard let surface = cairo_svg_surface_create(path, width, height) else { return CAIRO_STATUS_NO_MEMORY }
        defer { cairo_surface_destroy(surface) }
        guard cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS else { return cairo_surface_status(surface) }
        cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX)
        paint(on: surface, pixelsPerUnit: 2)
        cairo_surface_finish(surface)
        return cairo_surface_status(surface)
    }

    private func paint(on surface: OpaquePointer, pixelsPerUnit: Double) {
        let canvas = Canvas(surface)
        canvas.fill(Rectangle(x: 0, y: 0, width: width, height: height), ground)
        draw(canvas, pixelsPerUnit)
    }
}
