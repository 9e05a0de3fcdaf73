public import ArgumentParser
public import SegMetrics

extension Metric: ExpressibleByArgument {}

extension HausdorffDefinition: ExpressibleByArgument {}
