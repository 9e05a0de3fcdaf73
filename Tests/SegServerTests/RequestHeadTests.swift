import SegCore
import SegServer
import Testing

/// Hosts, origins, peers, ranges and queries from untrusted clients.
@Suite struct RequestHeadTests {
    @Test(
        arguments: [
            ("localhost", "localhost", nil), ("LOCALHOST:80", "localhost", 80), ("[::1]:8000", "[::1]", 8000),
            ("10.0.0.1:", "10.0.0.1", nil), ("a-b_c.example", "a-b_c.example", nil),
        ] as [(String, String, Int?)]) func aHostIsRead(text: String, host: String, port: Int?) throws
    {
        let authority = try #require(Authority(text))
        #expect(authority.host == host && authority.port == port)
    }

    @Test(arguments: [
        "", ":80", "[::1]evil.com", "[::1", "[evil]", "[1.2.3.4]", "localhost:80@evil.com", "user@localhost", "a b",
        "localhost:80:90", "localhost:x", "localhost:65536", "localhost:-1", "a/b", "a\u{0}b", "ä",
    ]) func anOddHostIsNone(text: String) { #expect(Authority(text) == nil) }

    @Test func anOriginIsTheSameHostAndPort() throws {
        let authority = try #require(Authority("example.org:8000"))
        for origin in ["http://example.org:8000", "https://EXAMPLE.org:8000"] {
            #expect(authority.isOrigin(origin.lowercased()))
        }
        let plain = try #require(Authority("example.org"))
        for origin in ["http://example.org", "http://example.org:80"] {
            #expect(plain.isOrigin(origin))
            #expect(!authority.isOrigin(origin))
        }
        for origin in [
            "null", "", "http://evil.com/example.org:8000", "http://example.org:8000/", "ftp://example.org:8000",
            "http://example.org:8000@evil.com", "http://a.example.org:8000", "example.org:8000",
        ] { #expect(!authority.isOrigin(origin), "\(origin)") }
    }

    @Test func aPeerIsAnAddressOrANetwork() {
        #expect(Peer("10.1.2.3:55")?.description == "10.1.2.3")
        #expect(Peer("[2001:db8::1]:55") == Peer("2001:db8:0:0:ffff::9"))
        #expect(Peer("2001:db8::1") != Peer("2001:db8:1::1"))
        #expect(Peer("::ffff:10.1.2.3")?.description == "10.1.2.3")
        for text in ["", "unknown", "10.1.2", "10.1.2.3.4", "_hidden"] { #expect(Peer(text) == nil) }
    }

    /// The entries of X-Forwarded-For from before the proxies are not trusted.
    @Test func theLastHopThatIsNoProxyIsThePeer() throws {
        let proxies = try Proxies(["10.0.0.1", "10.0.0.2"])
        #expect(proxies.last(of: "1.1.1.1, 2.2.2.2, 10.0.0.2")?.description == "2.2.2.2")
        #expect(proxies.last(of: "2.2.2.2")?.description == "2.2.2.2")
        for list in ["", "10.0.0.1", "1.1.1.1, nonsense, 10.0.0.2", "unknown"] {
            #expect(proxies.last(of: list) == nil)
        }
        #expect(throws: DataError.self) { try Proxies(["proxy.example"]) }
    }

    /// A socket that listens on both kinds of addresses reports an IPv4 proxy with an IPv6 address.
    @Test func anIPv4ProxyIsKnownByBothItsAddresses() throws {
        for name in ["127.0.0.1", "::ffff:127.0.0.1"] {
            let proxies = try Proxies([name])
            for hop in ["127.0.0.1", "::ffff:127.0.0.1", "[::ffff:7f00:1]:80"] {
                #expect(proxies.last(of: "1.1.1.1, \(hop)")?.description == "1.1.1.1", "\(name) \(hop)")
            }
            #expect(proxies.last(of: "1.1.1.1, ::1")?.description == "0:0:0:0::/64")
        }
    }

    @Test(arguments: [
        ("bytes=0-9", 0, 9), ("bytes=90-", 90, 99), ("bytes=-10", 90, 99), ("bytes=-1000", 0, 99),
        ("bytes=50-99999999999999999999", 50, 99),
    ]) func aRangeIsCutToTheFile(text: String, first: Int, last: Int) {
        #expect(ByteRange(text, of: 100) == .bytes(first...last))
    }

    @Test func aRangeBeyondTheFileOrAnOddOne() {
        for text in ["bytes=100-", "bytes=-0", "bytes=99999999999999999999-"] {
            #expect(ByteRange(text, of: 100) == .outside)
        }
        #expect(ByteRange("bytes=-5", of: 0) == .outside)
        for text in ["", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "bytes=+1-2"] {
            #expect(ByteRange(text, of: 100) == nil, "\(text)")
        }
    }

    @Test func aQueryHasFewNamesAndEachOnce() throws {
        try RequestQuery.check("")
        try RequestQuery.check("a=1&b=2&c")
        let many = (0...Limits.formFields).map { "k\($0)=1" }.joined(separator: "&")
        for text in ["a=1&a=2", "a=1&%61=2", many, String(repeating: "&a", count: 1 << 20)] {
            #expect(throws: Refusal.self) { try RequestQuery.check(text) }
        }
    }
}
