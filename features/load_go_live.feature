# Part of a run only that names this very file, as it takes ten minutes and a PBX to itself:
#   trunkproof run --target reference-load features/load_go_live.feature
@load
Feature: The PBX carries the calls of a busy hour
  Before go-live the expected mix of calls is offered for ten minutes, at the rate that is expected at most. Every call
  is verified: its signalling, the agent it reached, and who was heard at either ear.

  Scenario: Four calls per second for ten minutes
    When 400 customers run the mix at 4 calls per second for 10 minutes
    Then the session establishment ratio is at least 99.5 %
    And the session completion ratio is at least 99.5 %
    And at least 99 % of the calls reach the right agent and are heard both ways
    And 95 % of the calls get a ringing or an answer within 1 seconds
    And 95 % of the calls ring an agent within 15 seconds
    And 95 % of all ears hear with an estimated MOS of at least 3.8
    And nobody hears a party of another call
    And no channel of the load is left on the PBX

  Scenario: A minute at a trickle
    When 150 customers run the mix "smoke" at 3 calls per second for 1 minutes
    Then the session establishment ratio is at least 97 %
    And at least 97 % of the calls reach the right agent and are heard both ways
    And nobody hears a party of another call
    And no channel of the load is left on the PBX
