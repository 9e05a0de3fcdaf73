import Foundation

/// The address of an MLflow server and the credentials for it.
public struct TrackingServer: Hashable, Sendable {
    /// `http://HOST:PORT`, without a slash at the end.
    public let uri: String
    /// The experiment of the runs.
    public var experiment: String
    /// The value of the header Authorization; it is never written anywhere.
    let authorization: String?

    /// Creates a server from its address; credentials come from MLFLOW_TRACKING_TOKEN, or from MLFLOW_TRACKING_USERNAME
    /// and MLFLOW_TRACKING_PASSWORD.
    /// - Throws: `TrackingError.invalidServer` unless the address is http or https, with a host and without
    ///   credentials.
    public init(uri: String, experiment: String, environment: [String: String]) throws {
        let trimmed = uri.hasSuffix("/") ? String(uri.dropLast()) : uri
        guard let url = URL(string: trimmed), let scheme = url.scheme, ["http", "https"].contains(scheme),
            url.host?.isEmpty == false
        else {
            throw TrackingError.invalidServer(
                "The tracking server '\(uri)' should be an address such as http://127.0.0.1:5000; "
                    + "without a server leave it out: the run keeps a journal that `medseg track sync` sends later.")
        }
        guard url.user == nil, url.password == nil else {
            throw TrackingError.invalidServer(
                "The address of the tracking server contains a user name; give MLFLOW_TRACKING_USERNAME and "
                    + "MLFLOW_TRACKING_PASSWORD in the environment instead.")
        }
        self.uri = trimmed
        self.experiment = experiment
        if let token = environment["MLFLOW_TRACKING_TOKEN"], !token.isEmpty {
            authorization = "Bearer \(token)"
        } else if let user = environment["MLFLOW_TRACKING_USERNAME"], !user.isEmpty {
            let pair = "\(user):\(environment["MLFLOW_TRACKING_PASSWORD"] ?? "")"
            authorization = "Basic \(Data(pair.utf8).base64EncodedString())"
        } else {
            authorization = nil
        }
    }
}
