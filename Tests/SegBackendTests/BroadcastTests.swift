import SegBackend
import Testing

@Suite struct BroadcastTests {
    @Test func shapesRepeatByNumPysRule() {
        #expect(Shape([2, 1, 5]).broadcast(with: [3, 1]) == [2, 3, 5])
        #expect(Shape([]).broadcast(with: [2, 3]) == [2, 3] && Shape([1]).broadcast(with: []) == [1])
        #expect(Shape([0, 3]).broadcast(with: [1, 3]) == [0, 3])
        #expect(Shape([2, 3]).broadcast(with: [2]) == nil && Shape([4, 3]).broadcast(with: [2, 3]) == nil)
    }

    @Test func axesThatGoOnAlikeAreOne() {
        func axes(_ a: Shape, _ b: Shape) -> [[Int]] {
            Broadcast(a, b, to: a.broadcast(with: b) ?? a).axes.map { [$0.count, $0.a, $0.b] }
        }
        #expect(axes([2, 3, 4], [2, 3, 4]) == [[24, 1, 1]])
        #expect(axes([2, 3, 4], [3, 4]) == [[2, 12, 0], [12, 1, 1]])
        #expect(axes([2, 3, 1], [2, 3, 4]) == [[6, 1, 4], [4, 0, 1]])
        #expect(axes([2, 3, 4], [1]) == [[24, 1, 0]])
        #expect(axes([2, 1, 4], [2, 3, 4]) == [[2, 4, 12], [3, 0, 4], [4, 1, 1]])
        #expect(axes([1], [1, 1]) == [[1, 1, 1]])
    }

    @Test func operandsThatRepeatAsAWholeHaveAPeriod() {
        func periods(_ a: Shape, _ b: Shape) -> [Int]? {
            Broadcast(a, b, to: a.broadcast(with: b) ?? a).periods.map { [$0.a, $0.b] }
        }
        #expect(periods([2, 3, 4], [3, 4]) == [24, 12] && periods([4], [2, 3, 4]) == [4, 24])
        #expect(periods([5], [5]) == [5, 5] && periods([5], [1]) == [5, 1] && periods([2, 1, 4], [2, 3, 4]) == nil)
        let both = Broadcast([3], [1], to: [4, 2, 3]).periods
        #expect(both?.a == 3 && both?.b == 1)
    }
}
