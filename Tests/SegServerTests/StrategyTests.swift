import Foundation
import SegCore
import SegServer
import Testing

@Suite struct StrategyTests {
    private static func image(score: Double?, isDone: Bool = false) -> StudyImage {
        let info: [String: ConfigValue] = score.map { [Strategy.scoresNote: ["unet": .double($0)]] } ?? [:]
        return StudyImage(
            file: "x.nii", key: "k", info: info, labels: isDone ? ["final": StudyLabel(file: "l.nii", info: [:])] : [:])
    }

    private static func choose(_ strategy: Strategy, _ images: [String: StudyImage], model: String? = nil) -> String? {
        var generator = SplitMix(state: 7)
        return strategy.choose(images, model: model, now: Date(timeIntervalSince1970: 1e9), using: &generator)?.id
    }

    @Test func theMostUncertainComesFirst() {
        let images = ["a": Self.image(score: 0.1), "b": Self.image(score: 0.3), "c": Self.image(score: nil)]
        #expect(Self.choose(.uncertainty, images) == "b")
        #expect(Self.choose(.uncertainty, images, model: "unet") == "b")
        #expect(Self.choose(.uncertainty, images, model: "other") == "a", "nothing is known: by name")
        #expect(Self.choose(.uncertainty, images.merging(["b": Self.image(score: 0.3, isDone: true)]) { $1 }) == "a")
    }

    @Test func finishedScansAreNeverShown() {
        let images = ["a": Self.image(score: 1, isDone: true), "b": Self.image(score: 0.2), "c": Self.image(score: 0)]
        for strategy in Strategy.allCases {
            #expect(Self.choose(strategy, images) != "a")
            #expect(Self.choose(strategy, ["a": Self.image(score: 1, isDone: true)]) == nil)
        }
        #expect(Self.choose(.first, images) == "b")
    }

    @Test func whatWasShownLatelyComesLater() {
        var recent = Self.image(score: nil)
        recent.info["strategy"] = ["random": ["ts": .int(1_000_000_000)]]
        let images = ["a": recent, "b": Self.image(score: nil)]
        var generator = SplitMix(state: 3)
        let chosen = (0..<200).map { _ in
            Strategy.random.choose(images, model: nil, now: Date(timeIntervalSince1970: 1e9), using: &generator)?.id
        }
        #expect(chosen.allSatisfy { $0 == "b" }, "a's weight is one part in 1e9")
    }
}
