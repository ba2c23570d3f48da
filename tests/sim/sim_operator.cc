#include "tests/sim/sim_operator.h"

namespace kv {

void SimOperator::on_frame(PeerId, Frame frame, Instant) {
  FrameParser parser(frame);
  static_cast<void>(parser.for_each(*this));
}

}  // namespace kv
