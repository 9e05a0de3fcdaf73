internal import Foundation
package import HTTPTypes
package import Hummingbird
internal import NIOCore
internal import SegBackend
internal import SegCore
internal import SegInference
internal import SegTensor

/// A request that is refused with a status and one sentence: the fault, what was expected, and the remedy.
package struct Refusal: Error, Sendable {
    package let status: HTTPResponse.Status
    package let detail: String
    /// Additional headers of the response.
    let headers: HTTPFields
    /// Additional members of the response's document.
    var members: [String: ConfigValue] = [:]

    init(_ status: HTTPResponse.Status, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    /// Creates the refusal for an error, without paths of this machine and without names from other clients.
    init(_ error: any Error) {
        switch error {
        case let error as Refusal: self = error
        case let error as HTTPError: self.init(error.status, error.body ?? error.status.reasonPhrase)
        case let error as DataError:
            let status: HTTPResponse.Status = error.kind == .cannotWrite ? .internalServerError : .badRequest
            let place = error.key.map { "\($0): " } ?? ""
            self.init(status, "the scan cannot be used: \(place)\(error.message)")
        case let error as InferenceError: self.init(.unprocessableContent, error.description)
        case let error as BackendError: self.init(.serverIsFull, error.description)
        case let error as TensorError: self.init(.unprocessableContent, error.description)
        case is CancellationError: self.init(.conflict, "the job was cancelled")
        default: self.init(.internalServerError, "the server failed; see its log")
        }
    }

    static func notFound(_ what: String) -> Refusal { Refusal(.notFound, "there is no such \(what)") }
}

extension Refusal: HTTPResponseError {
    package func response(from request: Request, context: some RequestContext) -> Response {
        var response = Response.json(.object(members.merging(["detail": .string(detail)]) { $1 }), status: status)
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}
