import Foundation
import SegFuzzTargets

/// The target in `FUZZ_TARGET`, and a folder for its files; nil if the variable names no target.
private let chosen: (target: FuzzTarget, folder: FuzzFolder)? = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"]
    guard let target = FuzzTarget.all.first(where: { $0.name == name }), let folder = try? FuzzFolder() else {
        return nil
    }
    return (target, folder)
}()

/// Prints every target with the maximum length of its inputs in bytes.
private func listTargets() {
    for target in FuzzTarget.all { print(target.name, target.longestInput) }
}

#if FUZZER
    /// Called first by libFuzzer. Without a target, the program lists the targets and ends.
    @_cdecl("LLVMFuzzerInitialize")
    public func initialize(_ count: UnsafeRawPointer, _ arguments: UnsafeRawPointer) -> CInt {
        guard chosen == nil else { return 0 }
        listTargets()
        exit(0)
    }

    /// Called by libFuzzer with each input; libFuzzer reports an abort as a fault.
    @_cdecl("LLVMFuzzerTestOneInput")
    public func testOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
        guard let (target, folder) = chosen else { return -1 }
        do {
            try target.run(Array(UnsafeBufferPointer(start: bytes, count: count)), folder)
        } catch {
            FileHandle.standardError.write(Data("\(target.name): \(error)\n".utf8))
            abort()
        }
        return 0
    }
#else
    /// Feeds files to a target, for use with a debugger: `FUZZ_TARGET=NAME medseg-fuzz FILE…`; without a target, lists
    /// the targets.
    @main struct Replay {
        static func main() throws {
            guard let (target, folder) = chosen else { return listTargets() }
            for file in CommandLine.arguments.dropFirst() {
                let input = try Data(contentsOf: URL(fileURLWithPath: file))
                let time = try ContinuousClock().measure { try target.run(Array(input), folder) }
                print(file, time)
            }
        }
    }
#endif
