import Foundation
public import SegBackend

/// The number of parameters of one launch: `SLOTS` in optimizer/optimizers.cl.
private let slotsPerLaunch = 8

extension OpenCLBackend {
    /// Updates eight parameters per launch; parameters of similar size share a launch.
    public func adamStep(_ slots: [AdamSlot], _ params: AdamParams) throws {
        let (beta1, beta2) = (Double(params.beta1), Double(params.beta2))
        let decay = params.decoupled ? 1 - Double(params.learningRate) * Double(params.weightDecay) : 1
        let numbers = [
            decay, params.decoupled ? 0 : Double(params.weightDecay), beta1, 1 - beta1, beta2, 1 - beta2,
            Double(params.learningRate) / (1 - pow(beta1, Double(params.step))),
            1 / (1 - pow(beta2, Double(params.step))), Double(params.epsilon),
        ]
        try step(
            "adam",
            slots.map { OptimizerSlot(views: [$0.parameter, $0.gradient, $0.firstMoment, $0.secondMoment]) },
            numbers.map { .float(Float($0)) })
    }

    /// Updates eight parameters per launch; parameters of similar size share a launch.
    public func sgdStep(_ slots: [SGDSlot], _ params: SGDParams) throws {
        let numbers = [
            params.learningRate, params.weightDecay, params.momentum, Float(1 - Double(params.dampening)),
        ]
        try step(
            "sgd", slots.map { OptimizerSlot(views: [$0.parameter, $0.gradient, $0.momentum, nil]) },
            numbers.map { .float($0) } + [.flag(params.nesterov), .flag(params.step == 1)])
    }

    private func step(_ kernel: String, _ slots: [OptimizerSlot], _ numbers: [KernelArgument]) throws {
        let ordered = slots.filter { $0.count > 0 }.sorted { $0.count > $1.count }
        for first in stride(from: 0, to: ordered.count, by: slotsPerLaunch) {
            let own = Array(ordered[first..<min(first + slotsPerLaunch, ordered.count)])
            let none = OptimizerSlot(views: [nil, nil, nil, nil])
            let padded = own + [OptimizerSlot](repeating: none, count: slotsPerLaunch - own.count)
            let grid = LaunchGrid(covering: own[0].count)
            try launcher.run(
                Kernel("optimizer/optimizers", kernel),
                LaunchGrid(groups: (grid.groups.0, own.count, 1), items: grid.items),
                padded.flatMap { slot in slot.views.map { .view($0) } + [.long(slot.count)] } + numbers)
        }
    }
}

/// A parameter with its optimiser state: parameter, gradient and up to two moments.
private struct OptimizerSlot {
    let views: [BufferView?]

    var count: Int { views[0]?.count ?? 0 }
}
