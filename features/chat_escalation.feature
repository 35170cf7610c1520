@chat_escalation
Feature: From chat to call
  A chat becomes complex. The agent offers a call, the customer taps it, and the call must come to that agent or to
  the queue that was named, with the case. (Vendor's calling scenario 3, agent-assisted.)

  @claims.context_routing @smoke
  Scenario: The customer taps the offer and reaches the agent who made it
    Given the support line is open with 3 agents ready
    And a customer who chats with the second agent
    When the second agent offers a call, "We'd like to call to verify your identity."
    Then the customer is offered a call, "We'd like to call to verify your identity."
    When the customer taps the call button
    Then the second agent's phone rings and no other
    And the second agent sees the case
    When the second agent answers
    Then the customer and the second agent hear each other
    When the customer hangs up
    Then both sides of the call have ended
    And nothing of the call is left on the PBX
    And the call never touched the PSTN

  @claims.context_routing
  Scenario: A high-value sale goes to the queue that the offer names
    Given the support line is open with 2 agents ready
    And a customer who chats with the business
    When the business offers a call with our sales team, "Shall we go through the offer together?"
    Then the customer is offered a call, "Shall we go through the offer together?"
    When the customer taps the call button
    Then an agent's phone rings
    And the agent sees the case
    When the agent answers
    Then the customer and the agent hear each other

  @claims.context_routing
  Scenario: A deep link brings the case along
    Given the support line is open with 2 agents ready
    And a customer who chats with the second agent
    When the customer taps a link to call the second agent
    Then the second agent's phone rings and no other
    And the second agent sees the case

  @claims.context_routing
  Scenario: A template invites a customer outside the messaging window
    Given the support line is open with 2 agents ready
    And a customer who has not written for two days
    When the second agent offers a call, "Your case needs your voice."
    Then the platform refuses the message because the customer has not written
    When the second agent offers a call by template
    Then the customer is offered a call
    When the customer taps the call button
    Then the second agent's phone rings and no other

  @claims.calls_customers
  Scenario: The agent calls the customer after permission in the chat
    Given the support line is open with 1 agent ready
    And a customer who chats with the agent
    When the business asks for permission to call, "We'd like to call to help with your order."
    Then the customer is asked "We'd like to call to help with your order."
    When the customer allows calls
    And the agent calls the customer
    Then the customer's phone rings
    When the customer answers
    Then the customer and the agent hear each other

  @claims.agent_presence
  Scenario: An agent who is not free is not offered
    Given the support line is open with 1 agent ready
    And the agent is talking with another customer
    And a customer who chats with the agent
    Then the PBX says that the agent is not free
    When the agent hangs up on the other customer
    Then the PBX says that the agent is free

  @claims.agent_presence
  Scenario: An agent who has logged out is not offered
    Given the support line is open with 1 agent ready
    Then the PBX says that the agent is free
    When the agent logs out
    Then the PBX says that the agent is not free

  @claims.context_routing
  Scenario: The agent becomes busy between offer and tap
    Given the support line is open with 2 agents ready
    And a customer who chats with the agent
    When the agent offers a call, "May I call you about your order?"
    Then the customer is offered a call
    When another customer gets the agent
    And the customer taps the call button
    Then the second agent's phone rings
    And the second agent sees the case
    When the second agent answers
    Then the customer and the second agent hear each other

  Scenario: An offer that has expired brings no call
    Given the support line is open with 1 agent ready
    And a customer who chats with the agent
    When the agent offers a call that expires after 10 minutes
    And 11 minutes pass
    And the customer taps the call button
    Then the customer's call fails
    And the call does not reach the PBX
    And no agent's phone rings
