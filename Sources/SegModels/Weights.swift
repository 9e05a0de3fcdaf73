internal import Foundation
internal import SegCore

/// A network's arrays from a file: safetensors, or a PyTorch checkpoint of which nothing is run.
public struct Weights: Sendable {
    /// The file.
    public let source: String
    /// Arrays under the network's names, without the prefixes of DataParallel and `torch.compile`.
    public let tensors: [String: StoredTensor]
    /// Entries of a checkpoint's `state_dict` that are no arrays.
    public let ignored: [String]

    /// Arrays that a program has made or read; `source` names them in errors.
    public init(source: String, tensors: [String: StoredTensor], ignored: [String]) {
        self.source = source
        self.tensors = tensors
        self.ignored = ignored
    }

    /// Reads a file, telling its format by its first bytes.
    ///
    /// Of a PyTorch checkpoint (`torch.save`, 1.6 and later) the dictionary of tensors is taken, also from under
    /// `state_dict`, `model_state_dict`, `model`, `network` or `net`.
    /// - Throws: `DataError` naming the file and what is wrong with it.
    public static func read(_ path: String) throws -> Weights {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw DataError(.noInput, path, "cannot be read: \(error.systemReason)")
        }
        switch Format(data) {
        case .safetensors:
            return Weights(
                source: path, tensors: StateDict.normalized(try Safetensors(file: path).tensors), ignored: [])
        case .zip:
            do {
                let checkpoint = try PyTorchCheckpoint(data)
                return Weights(
                    source: path, tensors: StateDict.normalized(checkpoint.tensors), ignored: checkpoint.ignored)
            } catch {
                throw DataError(.badData, path, error.message)
            }
        case .legacy:
            throw DataError(
                .badData, path,
                "is a checkpoint of PyTorch before 1.6 or a bare pickle; load it in PyTorch and save it again with "
                    + "torch.save(model.state_dict(), FILE)")
        case .unknown:
            throw DataError(
                .badData, path,
                "is neither safetensors nor a PyTorch checkpoint (\(data.count) bytes); name a file of weights")
        }
    }

    private enum Format {
        case safetensors
        case zip
        case legacy
        case unknown

        init(_ data: Data) {
            let start = Array(data.prefix(9))
            if start.starts(with: [0x50, 0x4B]) {
                self = .zip
            } else if start.count == 9, start[8] == UInt8(ascii: "{") {
                self = .safetensors
            } else if start.first == 0x80 {
                self = .legacy
            } else {
                self = .unknown
            }
        }
    }
}

extension Weights {
    /// Writes arrays as a PyTorch `state_dict` where the name ends in `.pt` or `.pth`, else as safetensors; the name
    /// stands for the old file or for the new one, whole, at every moment.
    /// - Throws: `DataError` naming the file.
    public static func write(_ tensors: [String: StoredTensor], to path: String) throws {
        let end = (path as NSString).pathExtension.lowercased()
        guard ["pt", "pth"].contains(end) else {
            return try Safetensors(tensors: tensors, metadata: ["format": "pt"]).write(to: path)
        }
        let data: Data
        do {
            data = try PyTorchCheckpoint.encoded(tensors)
        } catch {
            throw DataError(.cannotWrite, path, error.message)
        }
        try DurableFile.write(Array(data), to: path)
    }
}
