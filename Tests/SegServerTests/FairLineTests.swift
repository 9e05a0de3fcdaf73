import SegServer
import Testing

@Suite struct FairLineTests {
    private final class Ticket {
        let name: String
        init(_ name: String) { self.name = name }
    }

    private func line(_ limit: Int, _ clients: String) -> FairLine<Ticket> {
        var line = FairLine<Ticket>(limit: limit)
        for (number, client) in clients.enumerated() { line.append(Ticket("\(client)\(number)"), of: "\(client)") }
        return line
    }

    @Test func clientsTakeTurns() {
        #expect(line(99, "aaaab").order.map(\.name) == ["a0", "b4", "a1", "a2", "a3"])
        #expect(line(99, "aabbcc").order.map(\.name) == ["a0", "b2", "c4", "a1", "b3", "c5"])
        #expect(line(99, "aaa").order.map(\.name) == ["a0", "a1", "a2"])
    }

    /// No client waits forever, however many others arrive one by one.
    @Test func newClientsDoNotKeepOthersWaiting() {
        var line = line(99, "aa")
        var served = [line.next()?.name]
        for number in 0..<6 {
            line.append(Ticket("n\(number)"), of: "new client \(number)")
            served.append(line.next()?.name)
        }
        #expect(served.prefix(3) == ["a0", "n0", "a1"])
    }

    @Test func oneClientLeavesPlacesFree() {
        var line = FairLine<Ticket>(limit: 8)
        while line.hasRoom(for: "a") { line.append(Ticket("a"), of: "a") }
        #expect(line.count == 6 && line.share == 6)
        while line.hasRoom(for: "b") { line.append(Ticket("b"), of: "b") }
        #expect(line.count == 8 && !line.hasRoom(for: "c"))
        #expect(FairLine<Ticket>(limit: 1).share == 1 && FairLine<Ticket>(limit: 2).share == 1)
    }

    @Test func aPlaceCanBeGivenBack() {
        var line = FairLine<Ticket>(limit: 2)
        let ticket = Ticket("a")
        line.append(ticket, of: "a")
        let (first, again) = (line.remove(ticket), line.remove(ticket))
        #expect(first && !again && line.count == 0 && line.order.isEmpty)
    }
}
