internal import Foundation
internal import NIOCore
package import SegCore

/// The origin of a request, for which connections, guesses and jobs are limited.
///
/// An IPv4 address, or the 64-bit network of an IPv6 address, because one subscriber has all addresses of such a
/// network.
package struct Peer: Hashable, Sendable, CustomStringConvertible {
    /// The address or network as text.
    package let description: String

    /// The peer at an address; a connection without an address, such as one of a Unix socket, is local.
    init(_ address: SocketAddress?) {
        let plain = Self.plain(address) ?? "local"
        guard case .v6(let six)? = address, plain.contains(":") else {
            description = plain
            return
        }
        let bytes = Self.bytes(of: six)
        let words = stride(from: 0, to: 8, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
        description = words.map { String($0, radix: 16) }.joined(separator: ":") + "::/64"
    }

    /// An address as text; a dual-stack socket's IPv4 client gets its IPv4 address; nil if there is none.
    fileprivate static func plain(_ address: SocketAddress?) -> String? {
        guard case .v6(let six)? = address else { return address?.ipAddress }
        let bytes = bytes(of: six)
        guard bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF else {
            return address?.ipAddress
        }
        return bytes[12...].map(String.init).joined(separator: ".")
    }

    private static func bytes(of six: SocketAddress.IPv6Address) -> [UInt8] {
        withUnsafeBytes(of: six.address.sin6_addr) { Array($0) }
    }

    /// The peer at an address in the form of `X-Forwarded-For`; nil if the text is not an address.
    package init?(_ text: some StringProtocol) {
        guard let address = Self.address(text) else { return nil }
        self.init(address)
    }

    /// Parses an address with or without a port: `10.0.0.1`, `10.0.0.1:80`, `fe80::1`, `[fe80::1]:80`.
    fileprivate static func address(_ text: some StringProtocol) -> SocketAddress? {
        var name = text.trimmingCharacters(in: .whitespaces)
        if name.hasPrefix("[") {
            name = String(name.dropFirst().prefix { $0 != "]" })
        } else if name.count(where: { $0 == ":" }) == 1 {
            name = String(name.prefix { $0 != ":" })
        }
        return try? SocketAddress(ipAddress: name, port: 0)
    }
}

/// The client of a request.
struct Client: Sendable {
    /// The client's peer.
    var peer: Peer
    /// Whether the client uses TLS to a proxy, as the proxy's header says.
    var isSecure = false
}

/// The proxies whose headers about their clients are trusted.
package struct Proxies: Sendable {
    private let addresses: Set<String>

    /// - Throws: `DataError` naming the text that is not an address.
    package init(_ names: [String]) throws(DataError) {
        var addresses: Set<String> = []
        for name in names {
            guard let address = Peer.plain(Peer.address(name)) else {
                throw DataError(
                    .badArgument, "--proxy", "should be the IP address that the proxy connects from, not '\(name)'")
            }
            addresses.insert(address)
        }
        self.addresses = addresses
    }

    /// Whether an address is that of a proxy.
    func contains(_ address: SocketAddress?) -> Bool {
        Peer.plain(address).map(addresses.contains) ?? false
    }

    /// The client behind a connection.
    /// - Parameters:
    ///   - forwardedFor: The header `X-Forwarded-For`, trusted only from a proxy. Each proxy appends the address from
    ///     which it was called, therefore the last address that is not a proxy is the client; earlier addresses can be
    ///     forged.
    ///   - forwardedProto: The header `X-Forwarded-Proto`.
    func client(at address: SocketAddress?, forwardedFor: String?, forwardedProto: String?) -> Client {
        guard contains(address) else { return Client(peer: Peer(address)) }
        let name = forwardedFor.flatMap { last(of: $0) }
        let isSecure = forwardedProto?.split(separator: ",").last?.trimmingCharacters(in: .whitespaces) == "https"
        return Client(peer: name ?? Peer(address), isSecure: isSecure)
    }

    /// The last address in a list that is not the address of a proxy; nil if an entry after it is not an address.
    package func last(of forwardedFor: String) -> Peer? {
        for text in forwardedFor.split(separator: ",").reversed() {
            guard let address = Peer.address(text) else { return nil }
            if !contains(address) { return Peer(address) }
        }
        return nil
    }
}
