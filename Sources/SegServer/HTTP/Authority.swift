/// A host with a port, as in the header Host and in an origin.
package struct Authority: Hashable, Sendable {
    /// The name or address in lower case, an IPv6 address in brackets.
    package let host: String
    /// The port; nil if it is not given.
    package let port: Int?

    /// Parses an RFC 3986 authority without user information; nil for any other text.
    package init?(_ text: some StringProtocol) {
        let text = text.lowercased()
        let end: String.Index
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { return nil }
            let address = text[text.index(after: text.startIndex)..<bracket]
            guard Peer(address) != nil, address.contains(":") else { return nil }
            end = text.index(after: bracket)
        } else {
            end = text.firstIndex(of: ":") ?? text.endIndex
            guard end > text.startIndex, text[..<end].utf8.allSatisfy(Self.isNameByte) else { return nil }
        }
        host = String(text[..<end])
        let rest = text[end...]
        if rest.isEmpty || rest == ":" {
            port = nil
        } else {
            guard rest.hasPrefix(":"), rest.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt16(rest.dropFirst())
            else { return nil }
            port = Int(number)
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// Whether an origin such as `https://host:port` is this authority, with the scheme's default for a missing port.
    package func isOrigin(_ origin: String) -> Bool {
        for (scheme, usual) in [("http://", 80), ("https://", 443)] where origin.hasPrefix(scheme) {
            guard let other = Authority(origin.dropFirst(scheme.count)) else { return false }
            return other.host == host && (other.port ?? usual) == (port ?? usual)
        }
        return false
    }
}
