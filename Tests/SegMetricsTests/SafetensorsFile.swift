import Foundation

/// Just enough of the safetensors format to read the captured metric cases.
struct SafetensorsFile {
    private struct Entry: Decodable {
        var dtype: String
        var shape: [Int]
        var data_offsets: [Int]
    }

    private let data: Data
    private var entries: [String: Entry] = [:]
    private(set) var metadata: [String: String] = [:]

    init(_ url: URL) throws {
        let file = try Data(contentsOf: url)
        let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        let header = file.subdata(in: 8..<8 + length)
        data = file.subdata(in: 8 + length..<file.count)
        let object = try JSONSerialization.jsonObject(with: header) as? [String: Any] ?? [:]
        for (key, value) in object {
            if key == "__metadata__" {
                metadata = value as? [String: String] ?? [:]
            } else {
                let json = try JSONSerialization.data(withJSONObject: value)
                entries[key] = try JSONDecoder().decode(Entry.self, from: json)
            }
        }
    }

    func shape(_ name: String) -> [Int] { entries[name]?.shape ?? [] }

    func bytes(_ name: String) -> [UInt8] {
        guard let entry = entries[name], entry.dtype == "U8" else { return [] }
        return [UInt8](data[entry.data_offsets[0]..<entry.data_offsets[1]])
    }

    func floats(_ name: String) -> [Double] {
        guard let entry = entries[name], entry.dtype == "F32" else { return [] }
        let raw = [UInt8](data[entry.data_offsets[0]..<entry.data_offsets[1]])
        return stride(from: 0, to: raw.count, by: 4).map { at in
            let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(raw[at + $1]) << UInt32(8 * $1) }
            return Double(Float(bitPattern: bits))
        }
    }
}
