import Foundation
import SegCore
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
    /// Feeds files to a target: `FUZZ_TARGET=NAME medseg-fuzz FILE…`; without a target, lists the targets.
    ///
    /// A file that needs more than 5 s of the processor or 1 GiB is a fault, as in `make fuzz`. SIGALRM ends the program if a
    /// reader hangs.
    @main struct Replay {
        static func main() throws {
            guard let (target, folder) = chosen else { return listTargets() }
            for file in CommandLine.arguments.dropFirst() {
                say("feeding \(file)")
                let input = try Data(contentsOf: URL(fileURLWithPath: file))
                alarm(120)
                let begun = seconds
                try target.run(Array(input), folder)
                alarm(0)
                let needed = "\(seconds - begun) s, \(ProcessMemory.peak >> 20) MiB"
                guard seconds - begun < 5, ProcessMemory.peak <= 1 << 30 else {
                    say("fault: \(needed)")
                    exit(1)
                }
                say("passed: \(needed)")
            }
        }

        /// The time that the processor has worked for this process, which does not depend on other processes.
        private static var seconds: Double {
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }

        /// Writes at once, so that the last line names the input that ends the program.
        private static func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
    }
#endif
