internal import Foundation

/// The address of the DICOMweb services of an archive (DICOM PS3.18), and the credentials for them.
///
/// Credentials are read from the environment, because `ps` shows arguments: MEDSEG_DICOMWEB_USER and
/// MEDSEG_DICOMWEB_PASSWORD, or MEDSEG_DICOMWEB_TOKEN. MEDSEG_DICOMWEB_CA is the path of a file of certificates.
public struct ArchiveAddress: Sendable {
    /// The root of the services, such as `https://pacs.example/dicom-web`, without a slash at its end.
    let root: String
    /// The value of the header Authorization; never written anywhere.
    let authorization: String?
    /// A PEM file of certificates, one of which must have signed the archive's certificate; nil for the system's certificates.
    let certificates: String?
    /// A warning for the person who starts the server, or nil.
    let warning: String?

    /// Creates an address from the option `--dicomweb` and the environment.
    /// - Throws: `ServerOptionError` with every reason if the address or a variable is not valid.
    public init(_ address: String, environment: [String: String]) throws {
        let environment = environment.filter { !$0.value.isEmpty }
        let parts = URLComponents(string: address)
        let scheme = parts?.scheme?.lowercased() ?? ""
        let host = parts?.host ?? ""
        var reasons: [String] = []
        // The address itself is not repeated: it may hold a password.
        if !["http", "https"].contains(scheme) || host.isEmpty || parts?.query != nil || parts?.fragment != nil
            || !Self.isOneWord(address)
        {
            reasons.append(
                "--dicomweb should be the root of DICOMweb services, such as https://pacs.example/dicom-web, without a query"
            )
        }
        if parts?.user != nil || parts?.password != nil || address.contains("@") {
            reasons.append(
                "the address of --dicomweb contains credentials; set MEDSEG_DICOMWEB_USER and MEDSEG_DICOMWEB_PASSWORD in the "
                    + "environment instead")
        }
        root = String(address.reversed().drop { $0 == "/" }.reversed())
        authorization = Self.authorization(environment, &reasons)
        certificates = Self.certificates(environment, isSecure: scheme == "https", &reasons)
        warning =
            scheme == "http" && !ServerOptions.isLocal(host)
            ? "--dicomweb is plain http to another machine: scans\(authorization == nil ? "" : " and the credentials") can be "
                + "read in transit; use https" : nil
        guard reasons.isEmpty else { throw ServerOptionError(reasons.joined(separator: "; ")) }
    }

    private static func isOneWord(_ text: String) -> Bool { text.utf8.allSatisfy { (0x21...0x7e).contains($0) } }

    private static func authorization(_ environment: [String: String], _ reasons: inout [String]) -> String? {
        let user = environment["MEDSEG_DICOMWEB_USER"]
        let password = environment["MEDSEG_DICOMWEB_PASSWORD"]
        let token = environment["MEDSEG_DICOMWEB_TOKEN"]
        if token != nil, user != nil || password != nil {
            reasons.append("MEDSEG_DICOMWEB_TOKEN and MEDSEG_DICOMWEB_USER or _PASSWORD are set; set only one of them")
        } else if (user == nil) != (password == nil) {
            reasons.append(
                "MEDSEG_DICOMWEB_USER and MEDSEG_DICOMWEB_PASSWORD are needed together, but one of them is not set")
        }
        if user?.contains(":") == true { reasons.append("MEDSEG_DICOMWEB_USER should not contain a colon") }
        if let token, !isOneWord(token) {
            reasons.append("MEDSEG_DICOMWEB_TOKEN should be visible ASCII characters without spaces")
        }
        if let token { return "Bearer \(token)" }
        guard let user, let password else { return nil }
        return "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())"
    }

    private static func certificates(
        _ environment: [String: String], isSecure: Bool, _ reasons: inout [String]
    ) -> String? {
        guard let file = environment["MEDSEG_DICOMWEB_CA"] else { return nil }
        let path = URL(fileURLWithPath: file).path
        let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
        if text?.contains("-----BEGIN CERTIFICATE-----") != true {
            reasons.append("MEDSEG_DICOMWEB_CA should be the path of a file of certificates in PEM")
        }
        if !isSecure { reasons.append("MEDSEG_DICOMWEB_CA needs an https address, but --dicomweb is not one") }
        return path
    }
}
