import SegServer
import Testing

/// The choice of the connection that is closed, and of the client that is too slow.
@Suite struct ConnectionTests {
    private typealias Ledger = ConnectionLedger<Int>

    /// A ledger with connections of the given peers, opened at time 0.
    private static func ledger(limit: Int, share: Int, _ peers: [String?]) -> Ledger {
        var ledger = Ledger(limit: limit, share: share)
        for (id, peer) in peers.enumerated() {
            let admission = ledger.open(id, peer: peer, at: 0)
            #expect(admission == .accepted)
        }
        return ledger
    }

    @Test func aPeerBeyondItsShareReplacesItsOwnSlowest() {
        var ledger = Self.ledger(limit: 8, share: 2, ["a", "a", "b"])
        ledger.receive(0, bytes: 10)
        let early = ledger.open(3, peer: "a", at: 0.1)
        #expect(early == .refused, "each connection has a moment to say what it wants")
        let late = ledger.open(3, peer: "a", at: 2)
        #expect(late == .replacing(1))
        #expect(ledger.count == 3)
    }

    @Test func aFullServerTakesFromThePeerThatHasTheMost() {
        var ledger = Self.ledger(limit: 5, share: 4, ["a", "a", "b", "b", "b"])
        ledger.receive(3, bytes: 1)
        ledger.receive(4, bytes: 2)
        let admission = ledger.open(5, peer: "c", at: 2)
        #expect(admission == .replacing(2))
        // Of a and b with two connections each, the slowest.
        ledger.receive(0, bytes: 100)
        let next = ledger.open(6, peer: "d", at: 2)
        #expect(next == .replacing(1))
    }

    /// A wave of connections does not cause a client without any to be refused.
    @Test func aNewPeerNeedNotWait() {
        var ledger = Self.ledger(limit: 4, share: 3, ["a", "a", "b", "b"])
        let admission = ledger.open(4, peer: "c", at: 0)
        #expect(admission != .accepted && admission != .refused)
        let greedy = ledger.open(5, peer: "c", at: 0)
        #expect(greedy == .refused, "nobody has more than c would have")
    }

    /// A client whose request is being processed waits for the server, and its connection is never closed.
    @Test func whoWaitsForTheServerStays() {
        var ledger = Self.ledger(limit: 2, share: 2, ["a", "a"])
        ledger.work(0)
        ledger.work(1)
        let refused = ledger.open(2, peer: "b", at: 9)
        #expect(refused == .refused)
        ledger.wait(1, since: 5)
        let admission = ledger.open(2, peer: "b", at: 9)
        #expect(admission == .replacing(1))
    }

    @Test func aProxysConnectionCountsForTheClientOfItsRequest() {
        var ledger = Self.ledger(limit: 9, share: 2, [nil, nil, nil, nil])
        let first = ledger.begin(0, peer: "a", at: 0)
        let second = ledger.begin(1, peer: "a", at: 0)
        #expect(first == .accepted && second == .accepted)
        let third = ledger.begin(2, peer: "a", at: 0.1)
        #expect(third == .refused)
        let other = ledger.begin(2, peer: "b", at: 0.1)
        #expect(other == .accepted)
        ledger.wait(0, since: 1, isShared: true)
        let again = ledger.begin(3, peer: "a", at: 1)
        #expect(again == .accepted)
    }

    private static func limits() -> ServerLimits {
        var limits = ServerLimits()
        (limits.headSeconds, limits.bodySeconds, limits.bodyRate, limits.sendSeconds) = (20, 10, 100, 30)
        return limits
    }

    @Test func aConnectionWithoutARequestIsSilent() {
        var pace = ClientPace(limits: Self.limits(), at: 0)
        #expect(pace.check(at: 20) == nil)
        #expect(pace.check(at: 21) == .silent)
        pace.begin()
        pace.end()
        #expect(pace.check(at: 500) == nil)
    }

    /// Every ten seconds of waiting must bring a thousand bytes or the end.
    @Test func aBodyThatStallsIsSlow() {
        var pace = ClientPace(limits: Self.limits(), at: 0)
        pace.begin()
        pace.read(at: 0)
        pace.receive(100_000)
        #expect(pace.check(at: 10) == nil, "a fast stretch")
        pace.receive(999)
        #expect(pace.check(at: 19) == nil)
        #expect(pace.check(at: 20) == .slowBody, "what came before does not help")
    }

    /// A body may come in many pieces of a normal size or a few of one byte, but not in thousands of one byte.
    @Test func aBodyInTinyPiecesIsFragmented() {
        var pace = ClientPace(limits: Self.limits(), at: 0)
        func feed(_ pieces: Int, of bytes: Int) {
            pace.begin()
            for _ in 0..<pieces { pace.receive(bytes) }
        }
        feed(4095, of: 1)
        #expect(!pace.isFragmented)
        pace.receive(1)
        #expect(pace.isFragmented)
        feed(100_000, of: 32)
        #expect(!pace.isFragmented)
    }

    @Test func longRunsOfCombiningCharactersInQueriesAreRefused() {
        let run = String(repeating: "%CC%95%CC%80", count: 20)
        let plain = "e" + String(repeating: "\u{315}\u{300}", count: 20)
        for text in ["e\(run)=1", "a=e\(run)", plain] {
            #expect(throws: Refusal.self) { try RequestQuery.check(text) }
        }
        #expect(throws: Never.self) { try RequestQuery.check("e%CC%81=1&b=2&c") }
        #expect(HeaderWords("form-data; \(plain)=x; name=a")["name"] == nil)
        #expect(HeaderWords("form-data; name=a")["name"] == "a")
    }

    @Test func theServersOwnTimeDoesNotCount() {
        var pace = ClientPace(limits: Self.limits(), at: 0)
        pace.begin()
        pace.read(at: 0)
        pace.stopReading(at: 4)
        #expect(pace.check(at: 100) == nil)
        pace.read(at: 100)
        #expect(pace.check(at: 105) == nil)
        #expect(pace.check(at: 106) == .slowBody)
    }

    @Test func anAnswerThatIsNotTakenIsGivenUp() {
        var pace = ClientPace(limits: Self.limits(), at: 0)
        pace.begin()
        pace.end()
        pace.send(at: 10)
        pace.send(at: 11)
        pace.sent(at: 35)
        #expect(pace.check(at: 60) == nil && pace.isStalledSince == 35)
        #expect(pace.check(at: 66) == .slowReader)
        pace.sent(at: 66)
        #expect(pace.check(at: 900) == nil && pace.isStalledSince == nil)
    }
}
