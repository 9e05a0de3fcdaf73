import Foundation
import Logging
import SegBackend
import SegCore
import SegImaging
import SegInference
import SegModels
import SegReference
import SegServer
import SegWeights
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Servers of this process over one folder of scans, with an untrained network; one at a time.
final class TinyServer: Sendable {
    let folder: URL
    var studies: URL { folder.appendingPathComponent("studies") }
    var scratch: URL { folder.appendingPathComponent("scratch") }
    /// The size of every scan here.
    static let size = Triple(5, 6, 7)

    /// - Parameter channels: The number of scans of a case that the model takes.
    init(channels: ConfigValue = 1) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString)")
        let model = folder.appendingPathComponent("models/tiny")
        try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(at: studies, withIntermediateDirectories: true)
        let definition: ConfigValue = [
            "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": channels, "out_channels": 2,
            "channels": [2, 4], "strides": [2], "dropout": 0.2,
        ]
        let description = ModelDescription(
            network: NetworkDefinition(definition, source: "tiny"),
            preprocessing: try Preprocessing(orientation: "RAS", pixdim: nil, intensity: nil, cropForeground: false),
            roiSize: Triple([8, 8, 8]), overlap: 0.25, mode: .gaussian, labels: [1: "spleen"])
        let network = try description.makeNetwork(on: ReferenceBackend(), seed: 1)
        try Safetensors(tensors: network.store.state(), metadata: [:])
            .write(to: model.appendingPathComponent("model.safetensors").path)
        try Data(description.value.jsonText().utf8).write(to: model.appendingPathComponent("model.json"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func options() -> ServerOptions {
        var options = ServerOptions(
            models: folder.appendingPathComponent("models").path, studies: studies.path, scratch: scratch.path)
        options.port = 0
        options.logLevel = .critical
        return options
    }

    /// Opens a server without running it.
    static func open(_ options: ServerOptions) throws { _ = try MedSegServer(options, backend: ReferenceBackend()) }

    /// Runs a server during the body.
    func run(_ options: ServerOptions? = nil, _ body: (Client) async throws -> Void) async throws {
        let server = try MedSegServer(options ?? self.options(), backend: ReferenceBackend())
        let (ports, found) = AsyncStream<Int>.makeStream()
        let running = Task { try await server.run { found.yield($0) } }
        var thrown: (any Error)?
        for await port in ports {
            do { try await body(Client(url: "http://127.0.0.1:\(port)")) } catch { thrown = error }
            break
        }
        running.cancel()
        _ = try? await running.value
        if let thrown { throw thrown }
    }

    /// A scan of small numbers, as a file.
    static func scan(_ seed: Int, label: Bool = false) throws -> Data {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).nii.gz").path
        defer { unlink(path) }
        let voxels = (0..<size.count).map { Int16(($0 * 7919 + seed * 31) % (label ? 2 : 300)) }
        try ScanFile.write(voxels, size: size, affine: .identity, to: path, overwrite: true)
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// The names in a subfolder, in order, including hidden ones.
    func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(path).path)) ?? [])
            .sorted()
    }

    /// Puts a file into the folder of scans.
    func put(_ data: Data, _ name: String) throws {
        let url = studies.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }
}

/// A client of a server.
struct Client: Sendable {
    let url: String
    /// The address of the client for whom a proxy sends requests; nil without a proxy.
    private var forwardedFor: String?

    init(url: String) { self.url = url }

    /// A client behind a proxy.
    func behindProxy(_ address: String) -> Client {
        var client = self
        client.forwardedFor = address
        return client
    }

    @discardableResult
    func send(
        _ method: String, _ address: String, body: Data? = nil, type: String? = nil
    ) async throws -> (status: Int, body: Data) {
        var request = URLRequest(url: try #require(URL(string: url + address)))
        request.httpMethod = method
        request.httpBody = body
        if let type { request.setValue(type, forHTTPHeaderField: "Content-Type") }
        if let forwardedFor { request.setValue(forwardedFor, forHTTPHeaderField: "X-Forwarded-For") }
        let (data, response) = try await URLSession.shared.data(for: request)
        return (try #require(response as? HTTPURLResponse).statusCode, data)
    }

    /// Sends a form with one file and the field `params`.
    @discardableResult
    func upload(
        _ address: String, _ file: Data?, field: String = "file", params: String = "{}", method: String = "PUT"
    ) async throws -> (status: Int, body: Data) {
        var form = Data("--x\r\nContent-Disposition: form-data; name=\"params\"\r\n\r\n\(params)\r\n".utf8)
        if let file {
            form += Data("--x\r\nContent-Disposition: form-data; name=\"\(field)\"; filename=\"a\"\r\n\r\n".utf8)
            form += file + Data("\r\n".utf8)
        }
        form += Data("--x--\r\n".utf8)
        return try await send(method, address, body: form, type: "multipart/form-data; boundary=x")
    }

    func json(_ address: String) async throws -> ConfigValue {
        try ConfigValue(json: await send("GET", address).body, from: address)
    }

    /// Every image with its labels, as MONAI Label's clients read them.
    func objects() async throws -> [String: ConfigValue] {
        guard case .object(let objects)? = try await json("/datastore?output=all")["objects"] else { return [:] }
        return objects
    }

    /// The tags of an image's labels.
    func tags(_ id: String) async throws -> [String] {
        guard case .object(let labels)? = try await objects()[id]?["labels"] else { return [] }
        return labels.keys.sorted()
    }

    /// The bytes that the server counts as its own.
    func usedBytes() async throws -> Int? {
        if case .int(let bytes)? = try await json("/info")["disk"]?["used_bytes"] { bytes } else { nil }
    }
}
