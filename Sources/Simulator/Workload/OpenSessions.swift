import DequeModule

/// Where a request stands in its session.
struct SessionTurn: Hashable, Sendable {
  /// Tokens with which its prompt begins: the system prompt's and those of the turns before.
  let contextTokens: Int
  /// Names the session among those that are open; another's once it has ended.
  let place: Int32
  /// The session's number, from 0 in the order in which they were opened.
  let session: Int32
  /// How many turns came before.
  let turn: Int32
}

/// The sessions that are open: from when their first turn has its time until their last turn has
/// left. Their number is what takes memory, and the requests in the system, not all of the run.
struct OpenSessions: Sendable {
  /// A session, and how far it has come.
  struct Session: Sendable {
    /// The stream that it came by, its number there, and its class.
    let stream: Int
    let numberInStream: Int
    let requestClass: Int
    /// Turns in all.
    let turns: Int
    /// Tokens with which the prompt of its next turn begins.
    var contextTokens: Int
    /// Its number among all sessions.
    fileprivate(set) var number: Int32 = 0
    /// Turns that were handed out.
    fileprivate(set) var turnsBegun = 0

    init(stream: Int, numberInStream: Int, requestClass: Int, turns: Int, contextTokens: Int) {
      self.stream = stream
      self.numberInStream = numberInStream
      self.requestClass = requestClass
      self.turns = turns
      self.contextTokens = contextTokens
    }

    /// What the draws of its turn with this number go by; those of a first turn are the ones that
    /// a request without a session has.
    func entity(ofTurn turn: Int) -> Int { turn << 32 | numberInStream }
  }

  private var sessions: [Session] = []
  private var vacantPlaces: [Int] = []
  private var opened: Int32 = 0
  /// When turns are due, by time and then by the session's number; the payload is its place.
  private var due = EventQueue()
  /// The place of each request's session, from that of `firstRequest` on; -1 once it has left.
  private var placesOfRequests = Deque<Int32>()
  private var firstRequest: Int64 = 0

  /// The session at a place.
  subscript(place: Int) -> Session { sessions[place] }

  /// Opens a session whose first turn is due then.
  mutating func open(_ session: Session, dueNs: Int64) {
    let place = vacantPlaces.popLast() ?? sessions.count
    if place == sessions.count { sessions.append(session) } else { sessions[place] = session }
    sessions[place].number = opened
    opened += 1
    schedule(place, dueNs: dueNs)
  }

  /// The next turn of the session at a place is due then.
  mutating func schedule(_ place: Int, dueNs: Int64) {
    due.push(
      Event(time: dueNs, order: UInt64(sessions[place].number), payload: UInt64(place)))
  }

  /// The place of the session whose turn is due first.
  /// - Precondition: one is.
  mutating func popDue() -> Int { Int(due.pop()!.payload) }

  /// Where the next turn of the session at a place stands.
  func nextTurn(of place: Int) -> SessionTurn {
    SessionTurn(
      contextTokens: sessions[place].contextTokens, place: Int32(place),
      session: sessions[place].number, turn: Int32(sessions[place].turnsBegun))
  }

  /// That turn is a request now; requests come one after the other, by their numbers.
  mutating func begin(_ request: ArrivingRequest, at place: Int) {
    sessions[place].turnsBegun += 1
    sessions[place].contextTokens = request.promptTokens + request.outputTokens
    placesOfRequests.append(Int32(place))
  }

  /// A request has left; the place of its session. O(1), over all of them.
  mutating func left(_ request: Int64) -> Int {
    let index = Int(request - firstRequest)
    let place = Int(placesOfRequests[index])
    precondition(place >= 0, "a request leaves once")
    placesOfRequests[index] = -1
    while placesOfRequests.first == -1 {
      placesOfRequests.removeFirst()
      firstRequest += 1
    }
    return place
  }

  /// The session at a place has ended.
  mutating func close(_ place: Int) { vacantPlaces.append(place) }
}
