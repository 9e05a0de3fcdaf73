import Foundation
import SegBackend
import SegImaging
import SegInference
import SegMetrics
import SegModels
import SegReport
import SegTensor
import SegTracking

/// Exit codes, as sysexits.h names them.
enum ExitStatus: Int32 {
    case usage = 64
    case badData = 65
    case noInput = 66
    case unavailable = 69
    case software = 70
    case inputOutput = 74
    /// 128 and the number of the signal, as shells count.
    case interrupted = 130
    case terminated = 143

    /// The code of an error of ours; nil for the argument parser's own.
    init?(of error: any Error) {
        switch error {
        case let error as ConfigError:
            switch error.kind {
            case .noInput: self = .noInput
            case .badData: self = .badData
            case .cannotWrite: self = .inputOutput
            }
        case let error as ImagingError:
            switch error.kind {
            case .noInput: self = .noInput
            case .badData: self = .badData
            case .badArgument: self = .usage
            case .cannotWrite: self = .inputOutput
            }
        case BackendError.noSuchDevice: self = .unavailable
        case is UsageError: self = .usage
        case let error as Interruption: self = error.signal == SIGTERM ? .terminated : .interrupted
        case let error as PartialFailure:
            guard let status = ExitStatus(of: error.cause) else { return nil }
            self = status
        case is InferenceError, is MetricsError: self = .badData
        case let error as TrackingError:
            switch error {
            case .noJournal: self = .noInput
            case .damaged: self = .badData
            case .invalidServer: self = .usage
            case .busy, .notDelivered: self = .unavailable
            case .cannotWrite: self = .inputOutput
            }
        case is ReportError: self = .inputOutput
        case is BackendError, is TensorError: self = .software
        default: return nil
        }
    }
}

/// Arguments that make no sense together.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Several inputs of which some failed, each with an error that was printed.
struct PartialFailure: Error, CustomStringConvertible {
    /// The first error, which decides the exit code.
    let cause: any Error
    let description: String

    init(cause: any Error, _ description: String) {
        self.cause = cause
        self.description = description
    }
}
