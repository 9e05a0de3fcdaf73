internal import CMPI
internal import Foundation
internal import SegCore

/// MPI messages, through the shim that is compiled for the launcher's MPI library.
final class MPITransport: Transport {
    private let library: segmpi_library
    let place: RankPlace

    /// Opens the shim and initialises MPI on this thread.
    /// - Throws: `RankError` if the shim is missing, MPI cannot be initialised, or it reports another number of ranks.
    init(_ launch: Launch) throws(RankError) {
        library = try Self.open(launch)
        let library = library
        try Self.said({ library.start($0, $1) == 0 ? true : nil }, "MPI cannot begin", launch)
        place = RankPlace(
            rank: Int(library.rank()), count: Int(library.count()), localRank: Int(library.local_rank()),
            localCount: Int(library.local_count()), machine: Int(library.machine()),
            library: library.name().map { String(cString: $0) } ?? "MPI")
        guard place.count == launch.count else {
            throw RankError(
                .usage, isShared: true,
                "the launcher started \(launch.count) ranks, but \(place.library) reports \(place.count): \(launch.advice)"
            )
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, tag: Int) throws(RankError) -> any Transfer {
        let handle = try Self.said(
            { library.send(bytes.baseAddress, bytes.count, Int32(peer), Int32(tag), $0, $1) },
            "a message to rank \(peer) cannot be sent")
        return MPITransfer(library: library, handle: handle, peer: peer)
    }

    func receive(
        _ bytes: UnsafeMutableRawBufferPointer, from peer: Int, tag: Int
    ) throws(RankError) -> any Transfer {
        let handle = try Self.said(
            { library.receive(bytes.baseAddress, bytes.count, Int32(peer), Int32(tag), $0, $1) },
            "a message of rank \(peer) cannot be received")
        return MPITransfer(library: library, handle: handle, peer: peer)
    }

    func finish() {
        // MPI would wait for ever for a rank that dies after its goodbye; SIGALRM then ends this process.
        alarm(20)
        library.finish()
        alarm(0)
    }

    func abort(_ code: Int32) {
        // A library that waits for a lost rank must not block this process.
        alarm(10)
        library.abort(code)
        _exit(code)
    }
}

/// A message that MPI is transferring.
private struct MPITransfer: Transfer {
    let library: segmpi_library
    let handle: OpaquePointer
    let peer: Int

    func isDone() throws(RankError) -> Bool {
        let state: Int32 = try MPITransport.said(
            { message, size in
                let state = library.is_done(handle, message, size)
                return state < 0 ? nil : state
            }, "the exchange with rank \(peer) failed")
        return state == 1
    }
}

extension MPITransport {
    /// The result of a call of the shim, or MPI's error text as an error.
    @discardableResult
    fileprivate static func said<Result>(
        _ call: (UnsafeMutablePointer<CChar>?, Int) -> Result?, _ what: String, _ launch: Launch? = nil
    ) throws(RankError) -> Result {
        var message = [CChar](repeating: 0, count: 768)
        let result = message.withUnsafeMutableBufferPointer { call($0.baseAddress, $0.count) }
        if let result { return result }
        let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        throw RankError(.unavailable, "\(what) (\(text))" + (launch.map { "; \($0.advice)" } ?? ""))
    }

    /// The shim's functions: from MEDSEG_MPI_LIBRARY, otherwise from the file beside the program for the launcher.
    private static func open(_ launch: Launch) throws(RankError) -> segmpi_library {
        let file = try file(for: launch)
        func refused(_ reason: String) -> RankError {
            RankError(
                .unavailable,
                "the launcher started \(launch.count) ranks, which need MPI, but no libMedSegMPI for it can be opened "
                    + "(\(reason)): \(launch.advice). Run `make mpi` where that MPI is installed (libopenmpi-dev, "
                    + "libmpich-dev), and put libMedSegMPI-*.so beside the program; or start one process without a launcher"
            )
        }
        // Open MPI's plug-ins search its functions among the global symbols of the program.
        guard let handle = dlopen(file, RTLD_NOW | RTLD_GLOBAL) else {
            throw refused(dlerror().map { String(cString: $0) } ?? file)
        }
        guard let symbol = dlsym(handle, SEGMPI_SYMBOL),
            let table = unsafeBitCast(symbol, to: segmpi_entry.self)(), table.pointee.version == SEGMPI_VERSION
        else { throw refused("\(file) is of another version of MedSeg") }
        return table.pointee
    }

    private static func file(for launch: Launch) throws(RankError) -> String {
        if let named = ProcessInfo.processInfo.environment["MEDSEG_MPI_LIBRARY"], !named.isEmpty { return named }
        guard let flavour = launch.flavour else {
            throw RankError(
                .usage, isShared: true,
                "Slurm started \(launch.count) tasks without an interface of MPI; each would train alone: \(launch.advice)"
            )
        }
        let program = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent().path ?? "."
        return "\(program)/libMedSegMPI-\(flavour).so"
    }
}
