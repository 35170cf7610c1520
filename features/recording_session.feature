@recording_session @claims.siprec
Feature: The PBX as a recording client
  Calls are recorded by SIPREC (RFC 7866): the PBX sends each party's voice to trunkproof, which is the recording
  server, and tells it who speaks in which stream.

  Scenario: The recording session tells who speaks in which stream
    Given a recorded conversation that is over
    Then there is a recording of the call
    And the recording session is as SIPREC demands
    And each is on their own channel of the recording and nowhere else
    And the metadata names whoever speaks in each stream

  Scenario: After a transfer both agents are in the recording, and the metadata tells of each
    Given the support line is open with 2 agents ready
    And a customer
    When the customer calls the recorded number
    Then the call is answered
    And an agent's phone rings
    When the agent answers
    And the customer and the agent talk
    And the agent transfers the call to the colleague
    Then another agent's phone rings
    When the second agent answers
    Then the customer and the second agent hear each other
    When the customer hangs up
    Then both sides of the call have ended
    And there is a recording of the call
    And the recording session is as SIPREC demands
    And each is on their own channel of the recording and nowhere else
    And the metadata names whoever speaks in each stream
