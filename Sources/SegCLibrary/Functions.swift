// The functions of medseg.h. Each returns an error as a status and a text; the header documents the functions.
public import CMedSeg
internal import Foundation
internal import MedSeg

/// Runs the body of a function that can fail, and returns its error as a status and a text.
private func status(_ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ work: () throws -> Void)
    -> medseg_status
{
    error?.pointee = nil
    do {
        try work()
        return MEDSEG_OK
    } catch let fault {
        error?.pointee = (try? copied("\(fault)")).map { UnsafeMutablePointer(mutating: $0) }
        let code = ExitStatus(of: fault) ?? .software
        return medseg_status(rawValue: medseg_status.RawValue(code.rawValue))
    }
}

/// The object that an opaque pointer refers to.
private func object<Object: AnyObject>(_ pointer: OpaquePointer, _: Object.Type = Object.self) -> Object {
    Unmanaged<Object>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
}

/// A pointer that keeps an object alive until `release`.
private func retained(_ object: some AnyObject) -> OpaquePointer {
    OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

private func release(_ pointer: OpaquePointer?) {
    guard let pointer else { return }
    Unmanaged<AnyObject>.fromOpaque(UnsafeRawPointer(pointer)).release()
}

/// An argument that must not be NULL.
private func required<Value>(_ value: Value?, _ name: String) throws -> Value {
    guard let value else { throw DataError(.badArgument, name, "should not be NULL") }
    return value
}

/// A struct of the caller, whose size shows whether it was compiled with this version's header.
private func checked<Struct>(_ pointer: UnsafePointer<Struct>, _ size: Int, _ name: String) throws -> Struct {
    guard size == MemoryLayout<Struct>.size else {
        throw DataError(
            .badArgument, name,
            "its struct_size is \(size) but should be \(MemoryLayout<Struct>.size); initialise it with its INIT macro, from "
                + "the header of MedSeg \(Version.current)")
    }
    return pointer.pointee
}

/// `medseg_devices` of medseg.h.
@c @implementation
public func medseg_devices(
    _ devices: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> medseg_status {
    status(error) {
        let place = try required(devices, "devices")
        place.pointee = nil
        let lines = try Devices.available(threads: nil).map { "\($0.name)\t\($0.details)\n" }
        place.pointee = UnsafeMutablePointer(mutating: try copied(lines.joined()))
    }
}

/// `medseg_open` of medseg.h.
@c @implementation
public func medseg_open(
    _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<medseg_options>?,
    _ model: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> medseg_status {
    status(error) {
        let place = try required(model, "model")
        place.pointee = nil
        let path = String(cString: try required(path, "path"))
        let options = try options.map { try checked($0, $0.pointee.struct_size, "options") } ?? medseg_options()
        place.pointee = retained(try Model(path, options))
    }
}

/// `medseg_close` of medseg.h.
@c @implementation
public func medseg_close(_ model: OpaquePointer?) { release(model) }

/// `medseg_model_channels` of medseg.h.
@c @implementation
public func medseg_model_channels(_ model: OpaquePointer?) -> Int {
    model.map { object($0, Model.self).channels } ?? 0
}

/// `medseg_model_description` of medseg.h.
@c @implementation
public func medseg_model_description(
    _ model: OpaquePointer?, _ json: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> medseg_status {
    status(error) {
        let place = try required(json, "json")
        place.pointee = nil
        let text = try object(required(model, "model"), Model.self).description()
        place.pointee = UnsafeMutablePointer(mutating: try copied(text))
    }
}

/// `medseg_predict` of medseg.h.
@c @implementation
public func medseg_predict(
    _ model: OpaquePointer?, _ scan: UnsafePointer<medseg_scan>?, _ request: UnsafePointer<medseg_request>?,
    _ result: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> medseg_status {
    status(error) {
        let place = try required(result, "result")
        place.pointee = nil
        let model = object(try required(model, "model"), Model.self)
        let scan = try required(scan, "scan")
        let request = try request.map { try checked($0, $0.pointee.struct_size, "request") } ?? medseg_request()
        place.pointee = retained(try model.predict(checked(scan, scan.pointee.struct_size, "scan"), request))
    }
}

/// `medseg_result_free` of medseg.h.
@c @implementation
public func medseg_result_free(_ result: OpaquePointer?) { release(result) }

/// `medseg_result_grid` of medseg.h.
@c @implementation
public func medseg_result_grid(
    _ result: OpaquePointer?, _ extents: UnsafeMutablePointer<Int>?, _ affine: UnsafeMutablePointer<Double>?
) {
    guard let result else { return }
    let outcome = object(result, Outcome.self)
    for (axis, extent) in outcome.size.array.enumerated() { extents?[axis] = extent }
    for (place, element) in outcome.affine.elements.enumerated() { affine?[place] = element }
}

/// `medseg_result_map_count` of medseg.h.
@c @implementation
public func medseg_result_map_count(_ result: OpaquePointer?) -> Int {
    result.map { object($0, Outcome.self).mapCount } ?? 0
}

/// `medseg_result_map` of medseg.h.
@c @implementation
public func medseg_result_map(_ result: OpaquePointer?, _ index: Int) -> UnsafePointer<UInt8>? {
    result.flatMap { object($0, Outcome.self).map(index) }
}

/// `medseg_result_label_count` of medseg.h.
@c @implementation
public func medseg_result_label_count(_ result: OpaquePointer?) -> Int {
    result.map { object($0, Outcome.self).labels.count } ?? 0
}

/// `medseg_result_label` of medseg.h.
@c @implementation
public func medseg_result_label(
    _ result: OpaquePointer?, _ index: Int, _ label: UnsafeMutablePointer<medseg_label>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> medseg_status {
    status(error) {
        let place = try required(label, "label")
        let known = try checked(UnsafePointer(place), place.pointee.struct_size, "label")
        let labels = object(try required(result, "result"), Outcome.self).labels
        guard labels.indices.contains(index) else {
            throw DataError(.badArgument, "index", "should be below \(labels.count), not \(index)")
        }
        let (own, row) = (labels[index], labels[index].row)
        place.pointee = medseg_label(
            struct_size: known.struct_size, number: Int32(own.number), name: own.name, voxels: UInt64(row.voxels),
            volume_ml: row.volumeML, mean_intensity: row.meanIntensity ?? .nan)
    }
}

/// `medseg_result_probability` of medseg.h.
@c @implementation
public func medseg_result_probability(
    _ result: OpaquePointer?, _ number: Int32, _ values: UnsafeMutablePointer<Float>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> medseg_status {
    status(error) {
        let place = try required(values, "values")
        let map = try object(required(result, "result"), Outcome.self).probability(of: Int(number))
        map.withUnsafeBufferPointer { place.update(from: $0.baseAddress!, count: $0.count) }
    }
}

/// `medseg_result_uncertainty` of medseg.h.
@c @implementation
public func medseg_result_uncertainty(
    _ result: OpaquePointer?, _ quantity: medseg_quantity, _ values: UnsafeMutablePointer<Float>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> medseg_status {
    status(error) {
        let place = try required(values, "values")
        let map = try object(required(result, "result"), Outcome.self).uncertainty(quantity)
        map.withUnsafeBufferPointer { place.update(from: $0.baseAddress!, count: $0.count) }
    }
}

/// `medseg_result_report` of medseg.h.
@c @implementation
public func medseg_result_report(_ result: OpaquePointer?) -> UnsafePointer<CChar>? {
    result.map { object($0, Outcome.self).report }
}
