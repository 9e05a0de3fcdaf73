import ArgumentParser
import CSegProcess
import Foundation
import SegServer

/// `medseg-server`, or its child process that reads DICOM.
@main
struct Program {
    static func main() async {
        guard let folder = DicomChild.folder(in: CommandLine.arguments) else {
            return await MedSegServerCommand.main()
        }
        segprocess_end_cleanly_without_memory("medseg-server")
        do {
            try DicomChild.run(in: folder)
        } catch {
            exit(1)
        }
    }
}
