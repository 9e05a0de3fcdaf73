import Foundation
import SegTrain
import Testing

@Suite struct PrefetchTests {
    /// Later values are finished first, but are still returned in order.
    @Test(arguments: [(1, 1), (1, 4), (3, 2), (4, 9)])
    func valuesComeInOrderWhateverTheThreads(_ threads: Int, _ ahead: Int) {
        let prefetch = Prefetch(from: 7, threads: threads, ahead: ahead) { number in
            if number % 3 == 0 { Thread.sleep(forTimeInterval: 0.003) }
            return number * number
        }
        for expected in 7..<47 {
            let (number, value) = prefetch.value()
            #expect(number == expected && value == expected * expected)
        }
        #expect(prefetch.secondsWaited >= 0)
    }

    @Test func waitingIsCounted() {
        let gate = DispatchSemaphore(value: 0)
        let prefetch = Prefetch(from: 0, threads: 1, ahead: 1) { number in
            gate.wait()
            return number
        }
        let opener = Thread {
            Thread.sleep(forTimeInterval: 0.05)
            for _ in 0..<2 { gate.signal() }
        }
        opener.start()
        #expect(prefetch.value().value == 0 && prefetch.secondsWaited > 0)
    }
}
